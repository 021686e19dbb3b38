// The host functions that need no grant, and tokenize.
#include "host.h"

HOST(config_get) int config_get(const void *k, u32 n, void *buf, u32 cap);
HOST(text_fold) int text_fold(u32 flags, const void *t, u32 n, void *buf, u32 cap);
HOST(ngrams) int ngrams(u32 unit, u32 min, u32 max, const void *t, u32 n, void *buf, u32 cap);
HOST(ngram_jaccard) int ngram_jaccard(u32 unit, u32 min, u32 max, const void *f, u32 n, void *buf, u32 cap);
HOST(set_jaccard) int set_jaccard(const void *f, u32 n, void *buf, u32 cap);
HOST(tokenize) int tokenize(const void *t, u32 n, void *buf, u32 cap);
HOST(log) void log(u32 level, const void *t, u32 n);
HOST(metric_add) void metric_add(const void *t, u32 n, double v);
HOST(error_set) void error_set(const void *t, u32 n);

EXPORT(kvasir_normalize) u64 normalize(const u8 *in, u32 n) {
	int r;
	used = 0;
	if (n < 2) return 0;
	u32 digit = in[1] - '0';
	switch (in[0]) {
	case 'c': // config_get(key)
		r = config_get(in + 1, n - 1, room, sizeof room);
		if (r < 0) number(r); else bytes(room, r);
		break;
	case 'f': // text_fold(a flag, text)
		r = text_fold(digit, in + 2, n - 2, room, sizeof room);
		if (r < 0) number(r); else bytes(room, r);
		break;
	case 's': // the same into three bytes
		room[0] = 0x2e2e2e2e2e;
		number(text_fold(digit, in + 2, n - 2, room, 3));
		bytes(room, 5);
		break;
	case 'g': // ngrams(1 to 3 characters of text)
		r = ngrams(0, 1, 3, in + 1, n - 1, room, sizeof room);
		if (r < 0) number(r); else hex(room, r);
		break;
	case 'w': // ngrams(1 to 2 words of text)
		r = ngrams(1, 1, 2, in + 1, n - 1, room, sizeof room);
		if (r < 0) number(r); else hex(room, r);
		break;
	case 'j': { // ngram_jaccard(2 characters, a first half of text and the rest)
		u32 *frame = (u32 *)room, half = (n - 1) / 2;
		frame[0] = 2, frame[1] = 0, frame[2] = half, frame[3] = half, frame[4] = n - 1 - half;
		u8 *t = (u8 *)(frame + 5);
		for (u32 i = 0; i < half; i++) t[i] = t[half + i] = in[1 + i];
		for (u32 i = half; i < n - 1; i++) t[half + i] = in[1 + i];
		float scores[2];
		r = ngram_jaccard(0, 2, 2, frame, 20 + half + n - 1, scores, sizeof scores);
		if (r < 0) number(r); else for (u32 i = 0; i < 2; i++) number(scores[i] * 1000), put(' ');
		break;
	}
	case 'S': { // set_jaccard({1,2}, {2,3,4}, {})
		u32 *frame = (u32 *)room;
		frame[0] = 3, frame[1] = 2, frame[2] = 3, frame[3] = 0;
		u64 *numbers = (u64 *)(frame + 4);
		numbers[0] = 1, numbers[1] = 2, numbers[2] = 2, numbers[3] = 3, numbers[4] = 4;
		float scores[2];
		r = set_jaccard(frame, 16 + 5 * 8, scores, sizeof scores);
		if (r < 0) number(r); else for (u32 i = 0; i < 2; i++) number(scores[i] * 1000), put(' ');
		break;
	}
	case 't': // tokenize(text)
		r = tokenize(in + 1, n - 1, room, sizeof room);
		if (r < 0) number(r); else for (int i = 0; i < r / 4; i++) number(((int *)room)[i]), put(' ');
		break;
	case 'l': log(digit, in + 2, n - 2); break;
	case 'm': metric_add(in + 2, n - 2, digit); break;
	case 'M': for (u8 c = 'a'; c <= 'z'; c++) { // 26 * 26 names
			for (u8 d = 'a'; d <= 'z'; d++) { u8 name[2] = {c, d}; metric_add(name, 2, 1); }
		}
		break;
	case 'n': metric_add(in + 2, n - 2, 0.0 / (digit - digit)); break;
	case 'e': error_set(in + 1, n - 1); return 1ull << 63;
	}
	return answer();
}
