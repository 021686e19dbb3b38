/* Texts in capitals throughout say as little by them as texts without any. */
#ifndef SHOUT_H
#define SHOUT_H

#include "prose.h"

/* is_shouted says whether prose in a part has three words of two letters or more, and no small letter. */
static int is_shouted(const struct prose *x, struct part p) {
  uint32_t words = 0, length = 0;
  for (uint32_t i = p.from; i < p.to; i++) {
    uint8_t c = x->m[i] ? ' ' : x->t[i];
    if (is_lower(c)) return 0;
    length = is_upper(c) ? length + 1 : 0;
    words += length == 2;
  }
  return words >= 3;
}

#endif
