/* Which texts are about how something is written. They are left alone: "Count the spaces: a  b". */
#ifndef FORM_H
#define FORM_H

#include "words.h"

static struct words form_words;

enum { FORM = 1, FORM_FIRST = 2, FORM_SECOND = 4 };

static const uint8_t form_file[] = {
#embed "form.txt"
};

static inline void read_form(void) { read_words(&form_words, form_file, form_file + sizeof form_file); }

/* is_about_form looks at every word: a run of letters, digits and inner hyphens. */
static int is_about_form(const uint8_t *p, uint32_t n) {
  uint32_t before = 0;
  for (uint32_t i = 0; i < n;) {
    if (!is_wordy(p[i])) {
      i++;
      continue;
    }
    uint64_t whole = hash_start, part = hash_start;
    uint32_t lists = 0;
    for (; i < n && (is_wordy(p[i]) || p[i] == '-'); i++) {
      uint8_t c = lower(p[i]);
      whole = hash_add(whole, c);
      if (c != '-') {
        part = hash_add(part, c);
        continue;
      }
      lists |= lists_of(&form_words, part);
      part = hash_start;
    }
    lists |= lists_of(&form_words, whole) | lists_of(&form_words, part);
    if (lists & FORM || ((before | lists) & FORM_FIRST && lists & FORM_SECOND)) return 1;
    before = lists;
  }
  return 0;
}

#endif
