/* A text and what of it is prose. */
#ifndef PROSE_H
#define PROSE_H

#include "ends.h"
#include "form.h"
#include "spans.h"

struct prose {
  uint8_t *t;
  uint32_t n;
  uint8_t *m;        /* marks */
  struct part inner; /* without what carries no meaning at the ends */
  uint8_t seen;      /* interests */
};

/* read_prose returns 0 for a text that is to be left as it is. */
static int read_prose(struct prose *x, uint8_t *t, uint32_t n) {
  if (!n || n > LONGEST || is_about_form(t, n)) return 0;
  kvasir_scratch_reset();
  x->t = t, x->n = n, x->m = kvasir_scratch(n);
  if (!x->m) return 0;
  __builtin_memset(x->m, 0, n);
  x->seen = interests(t, n);
  if (x->seen & (FEED | SIGN | TICK)) mark_lines(t, n, x->m);
  x->inner = inner(t, (struct part){0, n}, x->m);
  mark_spans(t, x->inner.from, x->inner.to, x->m, x->seen);
  return 1;
}

#endif
