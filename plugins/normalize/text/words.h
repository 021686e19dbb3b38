/* Lists of words and phrases in a plain file: entries end at a comma or a line end, # begins a comment, and
 * the n-th line in [brackets] says that what follows has bit n-1. An entry may stand in several lists. */
#ifndef WORDS_H
#define WORDS_H

#include "scan.h"

enum { SLOTS = 2048 }; /* room for 1,400 entries */

/* An entry is known by the hash of its text: with 64 bits no word is taken for another. */
struct words {
  uint64_t hash[SLOTS];
  uint32_t lists[SLOTS];
  uint32_t entries;
};

static const uint64_t hash_start = 0xcbf29ce484222325;

static inline uint64_t hash_add(uint64_t h, uint8_t c) { return (h ^ c) * 0x100000001b3; }

static inline uint32_t slot(const struct words *w, uint64_t h) {
  uint32_t i = (uint32_t)(h ^ h >> 32) & (SLOTS - 1);
  while (w->lists[i] && w->hash[i] != h) i = (i + 1) & (SLOTS - 1);
  return i;
}

/* lists_of returns the lists that a text with this hash stands in. */
static inline uint32_t lists_of(const struct words *w, uint64_t h) { return w->lists[slot(w, h)]; }

static void add_entry(struct words *w, uint64_t h, uint32_t list) {
  if (w->entries >= 1400) __builtin_trap();
  uint32_t i = slot(w, h);
  w->entries += !w->lists[i];
  w->hash[i] = h;
  w->lists[i] |= list;
}

/* read_words fills w from a file. */
static void read_words(struct words *w, const uint8_t *p, const uint8_t *end) {
  uint32_t list = 0;
  while (p < end) {
    const uint8_t *line = p;
    while (p < end && *p != '\n' && *p != ',') p++;
    if (*line == '#' || *line == '[') {
      while (p < end && *p != '\n') p++;
      if (*line == '[') list = list ? list << 1 : 1;
    } else {
      while (line < p && *line == ' ') line++;
      uint64_t h = hash_start;
      for (const uint8_t *c = line; c < p; c++) h = hash_add(h, *c);
      if (p > line) add_entry(w, h, list);
    }
    p++;
  }
}

/* hash_word hashes a word in lower case, as the lists have most of them. */
static inline uint64_t hash_word(const uint8_t *p, uint32_t n) {
  uint64_t h = hash_start;
  for (uint32_t i = 0; i < n; i++) h = hash_add(h, lower(p[i]));
  return h;
}

static inline uint64_t hash_exact(const uint8_t *p, uint32_t n) {
  uint64_t h = hash_start;
  for (uint32_t i = 0; i < n; i++) h = hash_add(h, p[i]);
  return h;
}

#endif
