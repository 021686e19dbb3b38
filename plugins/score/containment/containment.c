/* Scores by how much of a query's n-grams a candidate has. A longer candidate that holds the query scores 1. */
#include "../grams.h"

/* A set of grams, ascending. */
struct set {
  const uint64_t *gram;
  uint32_t n;
};

KVASIR_EXPORT(kvasir_init) uint64_t kvasir_init(const uint8_t *init, uint32_t n) {
  const char *wrong = read_config();
  (void)init, (void)n;
  if (wrong) return kvasir_fail(wrong);
  manifest_n = 0;
  add("{\"name\":\"containment\",\"version\":\"1.0.0\",\"scorer\":{\"class\":\"features\","
      "\"measure\":\"containment\"}}");
  return kvasir_bytes(manifest, manifest_n);
}

/* grams makes the set of a text in scratch memory, and returns 0 if there is no room. A text has at most as
 * many grams of a length as it has bytes, and at least one. */
static int grams(const uint8_t *text, uint32_t n, struct set *set) {
  uint64_t most = 8 * ((uint64_t)n * (largest - least + 1) + 1);
  uintptr_t before = kvasir_scratch_end;
  uint64_t *gram = most <= 1 << 28 ? kvasir_scratch(most) : 0;
  if (!gram) return 0;
  int32_t size = kvasir_ngrams(unit, least, largest, text, n, gram, (uint32_t)most);
  if (size < 0 || (uint64_t)size > most) return 0;
  set->gram = gram, set->n = (uint32_t)size / 8;
  kvasir_scratch_end = before + (uint32_t)size;
  return 1;
}

static float contained(struct set q, struct set c) {
  uint32_t common = 0;
  for (uint32_t i = 0, j = 0; i < q.n && j < c.n;) {
    uint64_t a = q.gram[i], b = c.gram[j];
    common += a == b;
    i += a <= b;
    j += b <= a;
  }
  return (float)((double)common / (double)q.n);
}

KVASIR_EXPORT(kvasir_score) uint64_t kvasir_score(const uint8_t *frame, uint32_t size) {
  const uint32_t *head = (const uint32_t *)frame; /* n, flags, query length, lengths */
  uint32_t n = head[0];
  const uint32_t *lengths = head + 3;
  const uint8_t *text = (const uint8_t *)(lengths + n);
  struct set query, candidate;
  (void)size;
  kvasir_scratch_reset();
  float *scores = kvasir_scratch(4 * n);
  if (!scores || !grams(text, head[2], &query)) return kvasir_fail("no memory for texts this long");
  text += head[2];
  uintptr_t keep = kvasir_scratch_end;
  for (uint32_t i = 0; i < n; text += lengths[i++]) {
    kvasir_scratch_end = keep;
    if (!grams(text, lengths[i], &candidate)) return kvasir_fail("no memory for texts this long");
    scores[i] = contained(query, candidate);
  }
  return kvasir_bytes(scores, 4 * n);
}

/* The sets follow their counts, without gaps, as grams makes them one after the other. */
KVASIR_EXPORT(kvasir_features) uint64_t kvasir_features(const uint8_t *frame, uint32_t size) {
  const uint32_t *lengths = (const uint32_t *)frame + 1;
  uint32_t n = lengths[-1], header = (4 + 4 * n + 7) & ~7u;
  const uint8_t *text = (const uint8_t *)(lengths + n);
  struct set set;
  (void)size;
  kvasir_scratch_reset();
  uint32_t *out = kvasir_scratch(header);
  if (!out) return kvasir_fail("no memory for texts this long");
  out[header / 4 - 1] = 0;
  out[0] = n;
  for (uint32_t i = 0; i < n; text += lengths[i++]) {
    if (!grams(text, lengths[i], &set)) return kvasir_fail("no memory for texts this long");
    out[1 + i] = set.n;
  }
  return kvasir_bytes(out, (uint32_t)(kvasir_scratch_end - (uintptr_t)out));
}
