/* Version 1.0 of Kvasir's plugin contract (docs/plugins/abi.md) for C without a library. Include it in one
 * file of the plugin, and build with -ffreestanding -nostdlib -mbulk-memory -Wl,--no-entry. */
#ifndef KVASIR_H
#define KVASIR_H

#include <stdint.h>

#define KVASIR_EXPORT(name) __attribute__((export_name(#name), used))
#define KVASIR_HOST(name) __attribute__((import_module("kvasir"), import_name(#name)))

/* Host functions. One that is not called is not imported. Those that fill a buffer return how many bytes
 * there are, or -1; call again with a larger buffer if there are more than cap. */
KVASIR_HOST(log) void kvasir_log(uint32_t level, const char *text, uint32_t n); /* 0 debug … 3 error */
KVASIR_HOST(error_set) void kvasir_error_set(const char *text, uint32_t n);
KVASIR_HOST(config_get) int32_t kvasir_config_get(const char *key, uint32_t n, void *buf, uint32_t cap);
KVASIR_HOST(metric_add) void kvasir_metric_add(const char *name, uint32_t n, double add);
KVASIR_HOST(text_fold) int32_t kvasir_text_fold(uint32_t folds, const void *text, uint32_t n, void *buf, uint32_t cap);
KVASIR_HOST(ngrams) int32_t kvasir_ngrams(uint32_t unit, uint32_t min, uint32_t max, const void *text, uint32_t n, void *buf, uint32_t cap);
KVASIR_HOST(ngram_jaccard) int32_t kvasir_ngram_jaccard(uint32_t unit, uint32_t min, uint32_t max, const void *frame, uint32_t n, void *buf, uint32_t cap);
KVASIR_HOST(set_jaccard) int32_t kvasir_set_jaccard(const void *frame, uint32_t n, void *buf, uint32_t cap);

enum { KVASIR_NFC = 1, KVASIR_NFKC = 2, KVASIR_CASE = 4, KVASIR_SPACE = 8, KVASIR_DIACRITICS = 16 }; /* folds */
enum { KVASIR_CHAR = 0, KVASIR_WORD = 1 };                                                         /* units */

/* Host functions that need a grant. */
KVASIR_HOST(tokenize) int32_t kvasir_tokenize(const void *text, uint32_t n, void *buf, uint32_t cap);
KVASIR_HOST(kv_get) int32_t kvasir_kv_get(const void *key, uint32_t n, void *buf, uint32_t cap);
KVASIR_HOST(kv_put) int32_t kvasir_kv_put(const void *key, uint32_t n, const void *value, uint32_t size);
KVASIR_HOST(now_ms) int64_t kvasir_now_ms(void);
KVASIR_HOST(random) void kvasir_random(void *buf, uint32_t n);

/* What a role's function returns. */
static inline uint64_t kvasir_bytes(const void *p, uint32_t n) {
  return n ? (uint64_t)(uintptr_t)p << 32 | n : 0;
}

static inline uint64_t kvasir_fail(const char *text) {
  uint32_t n = 0;
  while (text[n]) n++;
  kvasir_error_set(text, n);
  return (uint64_t)1 << 63 | 1;
}

/* Memory: behind the program's own data lies the input buffer, which the host writes to and which stays
 * where it is until the host asks for a larger one; behind that lies scratch memory for one call. */
extern uint8_t __heap_base;
static uintptr_t kvasir_input_end, kvasir_scratch_end;

/* kvasir_room makes memory as large as end, and returns 0 if it cannot. */
static inline int kvasir_room(uint64_t end) {
  uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) << 16;
  if (end <= have) return 1;
  if (end > (uint64_t)1 << 30) return 0;
  return __builtin_wasm_memory_grow(0, (end - have + 0xffff) >> 16) != (uintptr_t)-1;
}

static inline uintptr_t kvasir_align(uintptr_t p) { return (p + 7) & ~(uintptr_t)7; }

KVASIR_EXPORT(kvasir_abi_version) uint32_t kvasir_abi_version(void) { return 1 << 16 | 0; }

KVASIR_EXPORT(kvasir_alloc) void *kvasir_alloc(uint32_t n) {
  uintptr_t p = kvasir_align((uintptr_t)&__heap_base);
  if (!kvasir_room((uint64_t)p + n + 7)) return 0;
  kvasir_input_end = kvasir_align(p + n);
  return (void *)p;
}

/* kvasir_scratch_reset begins a call: what was scratch memory before is free again. */
static inline void kvasir_scratch_reset(void) {
  kvasir_scratch_end = kvasir_input_end ? kvasir_input_end : kvasir_align((uintptr_t)&__heap_base);
}

/* kvasir_scratch returns n bytes of any content, 8-aligned, or 0. They last until the next reset. */
static inline void *kvasir_scratch(uint64_t n) {
  uintptr_t p = kvasir_scratch_end;
  if (!kvasir_room((uint64_t)p + n + 7)) return 0;
  kvasir_scratch_end = kvasir_align(p + n);
  return (void *)p;
}

#endif
