/* Finds what is alike by words: the set of a text is the hashes of its words, which are what white space
 * separates. Kvasir indexes the sets, and two texts score by the words they share, of those in either. */
#include "kvasir.h"

static int is_space(uint8_t c) { return c == ' ' || (c >= 9 && c <= 13); }

/* hash_word is FNV-1a with 64 bits. */
static uint64_t hash_word(const uint8_t *at, const uint8_t *end) {
  uint64_t h = 0xcbf29ce484222325;
  for (; at < end; at++) h = (h ^ *at) * 0x100000001b3;
  return h;
}

/* sift lets the number at the top of a heap sink to its place. */
static void sift(uint64_t *heap, uint32_t top, uint32_t n) {
  uint64_t number = heap[top];
  for (uint32_t child; (child = 2 * top + 1) < n; top = child) {
    if (child + 1 < n && heap[child + 1] > heap[child]) child++;
    if (heap[child] <= number) break;
    heap[top] = heap[child];
  }
  heap[top] = number;
}

/* sort is a heap sort, which no text makes slow. */
static void sort(uint64_t *set, uint32_t n) {
  for (uint32_t i = n / 2; i-- > 0;) sift(set, i, n);
  while (n > 1) {
    uint64_t last = set[--n];
    set[n] = set[0];
    set[0] = last;
    sift(set, 0, n);
  }
}

/* words writes the set of a text, ascending and each number once, and returns how many there are. */
static uint32_t words(const uint8_t *text, uint32_t size, uint64_t *set) {
  const uint8_t *end = text + size;
  uint32_t n = 0, kept = 0;
  while (text < end) {
    const uint8_t *from = text;
    while (text < end && !is_space(*text)) text++;
    if (text > from) set[n++] = hash_word(from, text);
    while (text < end && is_space(*text)) text++;
  }
  sort(set, n);
  for (uint32_t i = 0; i < n; i++) {
    if (i == 0 || set[i] != set[i - 1]) set[kept++] = set[i];
  }
  return kept;
}

KVASIR_EXPORT(kvasir_init) uint64_t kvasir_init(const uint8_t *init, uint32_t n) {
  static const char manifest[] =
      "{\"name\":\"words\",\"version\":\"1.0.0\",\"scorer\":{\"class\":\"features\",\"measure\":\"jaccard\"}}";
  (void)init, (void)n;
  return kvasir_bytes(manifest, sizeof manifest - 1);
}

KVASIR_EXPORT(kvasir_features) uint64_t kvasir_features(const uint8_t *frame, uint32_t size) {
  const uint32_t *head = (const uint32_t *)frame; /* n, lengths */
  uint32_t n = head[0], front = (4 + 4 * n + 7) & ~7u, all = 0;
  const uint8_t *text = (const uint8_t *)(head + 1 + n);
  (void)size;
  kvasir_scratch_reset();
  for (uint32_t i = 0; i < n; i++) all += head[1 + i] / 2 + 1; /* a word and its blank are two bytes or more */
  uint32_t *out = kvasir_scratch(front + 8 * (uint64_t)all);
  if (!out) return kvasir_fail("no memory for texts this long");

  uint64_t *set = (uint64_t *)((uint8_t *)out + front);
  out[front / 4 - 1] = 0; /* the padding, or a count that is written below */
  out[0] = n;
  for (uint32_t i = 0; i < n; i++) {
    out[1 + i] = words(text, head[1 + i], set);
    set += out[1 + i];
    text += head[1 + i];
  }
  return kvasir_bytes(out, (uint32_t)((uint8_t *)set - (uint8_t *)out));
}
