/* Which texts are about how something is written. They are left alone: "Count the spaces: a  b". */
#ifndef FORM_H
#define FORM_H

#include "words.h"

static struct words form_words;

enum { FORM = 1, FORM_FIRST = 2, FORM_SECOND = 4 };

static const uint8_t form_file[] = {
#embed "form.txt"
};

static inline void read_form(void) {
  make_tables();
  read_words(&form_words, form_file, form_file + sizeof form_file);
}

/* is_about_form looks at every word: a run of letters and digits. */
static int is_about_form(const uint8_t *p, uint32_t n) {
  uint32_t before = 0;
  for (const uint8_t *end = p + n; p < end;) {
    uint64_t h = hash_start;
    uint8_t c = word_byte[*p++];
    if (!c) continue;
    for (; c; c = p < end ? word_byte[*p++] : 0) h = hash_add(h, c);
    uint32_t lists = lists_of(&form_words, h);
    if (lists & FORM || (before & FORM_FIRST && lists & FORM_SECOND)) return 1;
    before = lists;
  }
  return 0;
}

#endif
