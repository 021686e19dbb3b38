// A normalizer and a scorer for benchmarks: small ASCII letters and single blanks; Jaccard of 3-grams of
// bytes. bench_test.go has the same in Go.
#define EXPORT(name) __attribute__((export_name(#name)))
#define IMPORT(name) __attribute__((import_module("kvasir"), import_name(#name)))

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

extern u8 __heap_base;
static u8 *buffer;
static u32 capacity;

EXPORT(kvasir_abi_version) u32 version(void) { return 1 << 16; }

// One buffer at the end of memory, as large as it was ever asked for.
EXPORT(kvasir_alloc) void *alloc(u32 n) {
	buffer = (u8 *)(((u32)&__heap_base + 7) & ~7u);
	u32 have = __builtin_wasm_memory_size(0) << 16;
	if ((u32)buffer + n > have) {
		if (__builtin_wasm_memory_grow(0, ((u32)buffer + n - have + 65535) >> 16) == (unsigned long)-1) return 0;
	}
	capacity = n;
	return buffer;
}

static u64 pack(const void *p, u32 n) { return (u64)(u32)p << 32 | n; }

EXPORT(kvasir_normalize) u64 normalize(u8 *text, u32 n) {
	u8 *out = text;
	int blank = 1;
	for (u32 i = 0; i < n; i++) {
		u8 c = text[i];
		if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
		int space = c == ' ' || (c >= '\t' && c <= '\r');
		if (space && blank) continue;
		*out++ = space ? ' ' : c;
		blank = space;
	}
	if (blank && out > text) out--;
	return pack(text, out - text);
}

#define SLOTS 4096
static struct { u32 gram, stamp; } slots[SLOTS]; // stamp: 1 for the query's, above for one candidate's
static u32 stamp;

// An empty slot and one of an earlier candidate are free. Those of the query never are, so whatever stands
// in their way came before them.
static u32 slot(u32 gram) {
	u32 at = (gram * 2654435769u) >> 20;
	while ((slots[at].stamp == 1 || slots[at].stamp == stamp) && slots[at].gram != gram) at = (at + 1) & (SLOTS - 1);
	return at;
}

static u32 shared[SLOTS]; // stamp of the candidate that had this gram of the query

// Returns how many different grams a text has, and in the lower half how many of them are of the query.
// Inlined twice, its variables would not fit into registers.
__attribute__((noinline)) static u64 grams(const u8 *t, u32 n) {
	u32 distinct = 0, common = 0;
	for (u32 i = 0; i + 3 <= n && distinct < SLOTS / 2; i++) {
		u32 gram = t[i] << 16 | t[i + 1] << 8 | t[i + 2];
		u32 at = slot(gram);
		if (slots[at].stamp == 1 && slots[at].gram == gram) {
			if (stamp != 1 && shared[at] != stamp) { shared[at] = stamp; distinct++; common++; }
		} else if (slots[at].stamp != stamp || slots[at].gram != gram) {
			slots[at].gram = gram;
			slots[at].stamp = stamp;
			distinct++;
		}
	}
	return (u64)distinct << 32 | common;
}

EXPORT(kvasir_score) u64 score(u8 *frame, u32 size) {
	u32 *words = (u32 *)frame, n = words[0], query = words[2];
	const u8 *text = (u8 *)(words + 3 + n) + query;
	for (u32 i = 0; i < SLOTS; i++) slots[i].stamp = 0, shared[i] = 0;
	stamp = 1;
	u32 wanted = grams((u8 *)(words + 3 + n), query) >> 32;
	float *out = (float *)frame; // a score takes the place of a number that was read before it
	for (u32 i = 0; i < n; i++) {
		u32 length = words[3 + i];
		stamp++;
		u64 counts = grams(text, length);
		u32 distinct = counts >> 32, common = counts;
		text += length;
		u32 all = wanted + distinct - common;
		out[i] = all ? (float)common / (float)all : 0;
	}
	return pack(out, 4 * n);
}
