// A plugin as Extism's kit for C makes it, written out by hand.
#define HOST(name) __attribute__((import_module("extism:host/env"), import_name(#name)))
#define EXPORT(name) __attribute__((export_name(#name)))

typedef unsigned long long u64;
typedef unsigned char u8;

HOST(input_length) u64 input_length(void);
HOST(input_load_u8) u8 input_load_u8(u64);
HOST(alloc) u64 alloc(u64);
HOST(free) void release(u64);
HOST(length) u64 length(u64);
HOST(load_u8) u8 load_u8(u64);
HOST(load_u64) u64 load_u64(u64);
HOST(store_u8) void store_u8(u64, u8);
HOST(output_set) void output_set(u64, u64);
HOST(error_set) void error_set(u64);
HOST(config_get) u64 config_get(u64);
HOST(var_get) u64 var_get(u64);
HOST(var_set) void var_set(u64, u64);
HOST(log_info) void log_info(u64);
HOST(http_request) u64 http_request(u64, u64);

static u64 block(const char *text) {
	u64 n = 0;
	while (text[n]) n++;
	u64 at = alloc(n);
	for (u64 i = 0; i < n; i++) store_u8(at + i, text[i]);
	return at;
}

static void say(const char *text) {
	u64 at = block(text);
	output_set(at, length(at));
}

// Small letters; the first byte may ask for something else.
EXPORT(normalize) int normalize(void) {
	u64 n = input_length();
	u64 out = alloc(n);
	switch (n ? input_load_u8(0) : 0) {
	case '!': error_set(block("on purpose")); return 3;
	case '@': load_u64(out + (1 << 20)); break;
	case '#': http_request(out, 0); break;
	case '$': for (;;) release(alloc(1 << 20));
	case '%': var_set(block("seen"), out); break; // and forgets it
	case '^': if (var_get(block("seen"))) say("seen"); else say("new"); return 0;
	case '&': while (alloc(1 << 20)) {} say("full"); return 0;
	case '*': output_set(out, 1 << 30); return 0;
	}
	for (u64 i = 0; i < n; i++) {
		u8 c = input_load_u8(i);
		store_u8(out + i, c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	output_set(out, n);
	return 0;
}

EXPORT(score) int score(void) { say("{\"scores\":[0.5,1]}"); return 0; }
EXPORT(features) int features(void) { say("{\"sets\":[[1,2,18446744073709551615]]}"); return 0; }
EXPORT(on_miss) int on_miss(void) { return 0; }

// The second time an entry is refused: variables stay between hooks.
EXPORT(on_hit) int on_hit(void) {
	u64 key = block("seen");
	if (var_get(key)) { say("{\"accept\":false}"); return 0; }
	var_set(key, block("yes"));
	log_info(key);
	return 0;
}

EXPORT(on_lookup) int on_lookup(void) {
	u64 value = config_get(block("decision"));
	output_set(value, length(value));
	return 0;
}

EXPORT(manifest) int manifest(void) {
	say("{\"name\":\"extism\",\"version\":\"2\",\"scorer\":{\"class\":\"scan\"}}");
	return 0;
}
