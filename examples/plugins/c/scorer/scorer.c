/* Scores by trigrams: the share that two texts have in common of the runs of three characters in either.
 * A text of fewer than three characters is one gram. */
#include "kvasir.h"

/* A gram is its characters, 21 bits each and plus one, so that a shorter one is another number. */
struct grams {
  const uint8_t *at, *end;
  uint64_t window;
  uint32_t seen;
};

/* next_rune decodes a character. The host gives valid UTF-8. */
static uint32_t next_rune(struct grams *g) {
  uint8_t first = *g->at++;
  uint32_t more = first < 0xc0 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
  uint32_t rune = more ? first & (0x3f >> more) : first;
  for (; more && g->at < g->end; more--) rune = rune << 6 | (*g->at++ & 0x3f);
  return rune;
}

/* next_gram sets the next gram of a text, and returns 0 after the last. */
static int next_gram(struct grams *g, uint64_t *gram) {
  int whole = g->seen == 0; /* a short text is one gram, also when it is empty */
  while (g->at < g->end) {
    g->window = (g->window << 21 | (next_rune(g) + 1)) & 0x7fffffffffffffff;
    if (++g->seen >= 3) {
      *gram = g->window;
      return 1;
    }
  }
  *gram = g->window;
  if (whole) g->seen = 3;
  return whole;
}

/* A slot of the table holds a gram of the query or of the candidate that has the number in seen; others
 * are free. What is in the query was there first, so leftovers are never between it and its place. */
struct slot {
  uint64_t gram;
  uint32_t in_query, seen;
};

static struct slot *slots;
static uint32_t mask;

static struct slot *find(uint64_t gram, uint32_t candidate) {
  uint32_t i = (uint32_t)((gram * 0x9e3779b97f4a7c15) >> 32);
  for (;; i++) {
    struct slot *s = &slots[i & mask];
    if (!s->in_query && s->seen != candidate) return s;
    if (s->gram == gram) return s;
  }
}

/* make_table has room for so many grams, with half of it free. */
static int make_table(uint64_t grams) {
  uint64_t size = 16;
  while (size < 2 * grams) size *= 2;
  slots = kvasir_scratch(size * sizeof *slots);
  if (!slots) return 0;
  __builtin_memset(slots, 0, size * sizeof *slots);
  mask = (uint32_t)size - 1;
  return 1;
}

static uint32_t add_query(const uint8_t *text, uint32_t n) {
  struct grams g = {text, text + n, 0, 0};
  uint32_t distinct = 0;
  for (uint64_t gram; next_gram(&g, &gram);) {
    struct slot *s = find(gram, 0xffffffff);
    distinct += !s->in_query;
    s->gram = gram;
    s->in_query = 1;
  }
  return distinct;
}

/* score_one compares a candidate, whose number is from 1 on. */
static float score_one(const uint8_t *text, uint32_t n, uint32_t number, uint32_t in_query) {
  struct grams g = {text, text + n, 0, 0};
  uint32_t distinct = 0, common = 0;
  for (uint64_t gram; next_gram(&g, &gram);) {
    struct slot *s = find(gram, number);
    if (s->seen == number) continue;
    s->gram = gram;
    s->seen = number;
    distinct++;
    common += s->in_query;
  }
  return (float)((double)common / (double)(in_query + distinct - common));
}

KVASIR_EXPORT(kvasir_init) uint64_t kvasir_init(const uint8_t *init, uint32_t n) {
  static const char manifest[] =
      "{\"name\":\"trigrams\",\"version\":\"1.0.0\",\"scorer\":{\"class\":\"rerank\","
      "\"index\":{\"unit\":\"char\",\"min\":3,\"max\":3,\"floor\":0.7},\"sound\":true}}";
  (void)init, (void)n;
  return kvasir_bytes(manifest, sizeof manifest - 1);
}

KVASIR_EXPORT(kvasir_score) uint64_t kvasir_score(const uint8_t *frame, uint32_t size) {
  const uint32_t *head = (const uint32_t *)frame; /* n, flags, query length, lengths */
  uint32_t n = head[0], longest = 0;
  const uint32_t *lengths = head + 3;
  const uint8_t *text = (const uint8_t *)(lengths + n);
  (void)size;
  kvasir_scratch_reset();
  float *scores = kvasir_scratch(4 * n);
  for (uint32_t i = 0; i < n; i++) longest = lengths[i] > longest ? lengths[i] : longest;
  if (!scores || !make_table((uint64_t)head[2] + longest + 2)) return kvasir_fail("no memory for texts this long");

  uint32_t in_query = add_query(text, head[2]);
  text += head[2];
  for (uint32_t i = 0; i < n; i++) {
    scores[i] = score_one(text, lengths[i], i + 1, in_query);
    text += lengths[i];
  }
  return kvasir_bytes(scores, 4 * n);
}
