/* Scores by the n-grams of characters or words that two texts share: the common ones, of those in either. */
#include "../grams.h"

KVASIR_EXPORT(kvasir_init) uint64_t kvasir_init(const uint8_t *init, uint32_t n) {
  const char *wrong = read_config();
  (void)init, (void)n;
  if (wrong) return kvasir_fail(wrong);
  manifest_n = 0;
  add("{\"name\":\"jaccard\",\"version\":\"1.0.0\",\"scorer\":{\"class\":\"rerank\",\"index\":");
  add_index();
  add(",\"sound\":true}}");
  return kvasir_bytes(manifest, manifest_n);
}

KVASIR_EXPORT(kvasir_score) uint64_t kvasir_score(const uint8_t *frame, uint32_t size) {
  uint32_t n = 4 * *(const uint32_t *)frame;
  kvasir_scratch_reset();
  void *scores = kvasir_scratch(n);
  if (!scores) return kvasir_fail("no memory for the scores");
  if (kvasir_ngram_jaccard(unit, least, largest, frame, size, scores, n) != (int32_t)n) {
    return kvasir_fail("the host cannot compare these texts");
  }
  return kvasir_bytes(scores, n);
}
