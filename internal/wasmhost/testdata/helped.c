// A scorer for benchmarks that leaves the work to the host.
#define EXPORT(name) __attribute__((export_name(#name)))

typedef unsigned int u32;
typedef unsigned long long u64;

__attribute__((import_module("kvasir"), import_name("ngram_jaccard")))
int ngram_jaccard(u32 unit, u32 min, u32 max, const void *frame, u32 n, void *buf, u32 cap);

static u64 buffer[1 << 14], scores[1 << 8];

EXPORT(kvasir_abi_version) u32 version(void) { return 1 << 16; }
EXPORT(kvasir_alloc) void *alloc(u32 n) { return n <= sizeof buffer ? buffer : 0; }
EXPORT(kvasir_score) u64 score(void *frame, u32 n) {
	int size = ngram_jaccard(0, 3, 3, frame, n, scores, sizeof scores);
	return size < 0 ? 1ull << 63 : (u64)(u32)scores << 32 | (u32)size;
}
