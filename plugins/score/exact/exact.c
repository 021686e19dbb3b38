/* Scores 1 where the texts are the same bytes, else 0. */
#include "kvasir.h"

KVASIR_EXPORT(kvasir_init) uint64_t kvasir_init(const uint8_t *init, uint32_t n) {
  static const char manifest[] =
      "{\"name\":\"exact\",\"version\":\"1.0.0\",\"scorer\":{\"class\":\"rerank\","
      "\"index\":{\"unit\":\"char\",\"min\":2,\"max\":3,\"floor\":1},\"sound\":true}}";
  (void)init, (void)n;
  return kvasir_bytes(manifest, sizeof manifest - 1);
}

/* same compares eight bytes at a time. */
static int same(const uint8_t *a, const uint8_t *b, uint32_t n) {
  for (; n >= 8; a += 8, b += 8, n -= 8) {
    uint64_t x, y;
    __builtin_memcpy(&x, a, 8);
    __builtin_memcpy(&y, b, 8);
    if (x != y) return 0;
  }
  for (; n; a++, b++, n--) {
    if (*a != *b) return 0;
  }
  return 1;
}

KVASIR_EXPORT(kvasir_score) uint64_t kvasir_score(const uint8_t *frame, uint32_t size) {
  const uint32_t *head = (const uint32_t *)frame; /* n, flags, query length, lengths */
  uint32_t n = head[0];
  const uint32_t *lengths = head + 3;
  const uint8_t *query = (const uint8_t *)(lengths + n), *text = query + head[2];
  (void)size;
  kvasir_scratch_reset();
  float *scores = kvasir_scratch(4 * n);
  if (!scores) return kvasir_fail("no memory for the scores");
  for (uint32_t i = 0; i < n; text += lengths[i++]) {
    scores[i] = lengths[i] == head[2] && same(query, text, head[2]);
  }
  return kvasir_bytes(scores, 4 * n);
}
