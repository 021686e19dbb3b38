/* Drops punctuation that carries no meaning. README.md says what is left alone. */
#include "../text/prose.h"

KVASIR_EXPORT(kvasir_init) uint64_t kvasir_init(const uint8_t *init, uint32_t n) {
  static const char manifest[] = "{\"name\":\"punctuation\",\"version\":\"1.0.0\",\"roles\":[\"normalize\"]}";
  (void)init, (void)n;
  read_form();
  return kvasir_bytes(manifest, sizeof manifest - 1);
}

/* A run of ? and !, or of dots. */
struct run {
  uint32_t end;
  int asks, dots;
};

static struct run run_at(const struct prose *x, uint32_t i) {
  struct run r = {i, 0, 0};
  uint32_t to = x->inner.to;
  for (; r.end < to && !x->m[r.end] && (x->t[r.end] == '?' || x->t[r.end] == '!'); r.end++) r.asks |= x->t[r.end] == '?';
  if (r.end > i) return r;
  for (; r.end < to && !x->m[r.end] && x->t[r.end] == '.'; r.end++) r.dots++;
  return r;
}

/* stands_free says whether a blank or the end is at i. */
static int stands_free(const struct prose *x, uint32_t i) { return i >= x->inner.to || is_blank(x->t[i]); }

/* gap_end returns where the blanks at i end, if they stand between a word and a comma, or between a word and
 * the mark that ends its line; else i. */
static uint32_t gap_end(const struct prose *x, uint32_t i) {
  const uint8_t *t = x->t, *m = x->m;
  uint32_t e = i, to = x->inner.to;
  while (e < to && (t[e] == ' ' || t[e] == '\t') && !m[e]) e++;
  if (e == i || e == to || m[e]) return i;
  if (t[e] == ',') return stands_free(x, e + 1) ? e : i;
  struct run r = run_at(x, e);
  if (r.end == e || r.dots || r.end == e + 2) return i;
  return r.end < to && t[r.end] == '\n' ? e : i;
}

/* put_run writes a run once. t[0, out) is written already. */
static uint32_t put_run(struct prose *x, struct run r, uint32_t i, uint32_t out) {
  uint8_t *t = x->t;
  if (r.dots > 3) {
    for (int k = 0; k < 3; k++) t[out++] = '.';
  } else if (r.dots) {
    while (i < r.end) t[out++] = t[i++];
  } else {
    t[out++] = r.asks ? '?' : '!';
  }
  return out;
}

/* The text only gets shorter, so it is written over the input, behind what is still to be read. */
KVASIR_EXPORT(kvasir_normalize) uint64_t kvasir_normalize(uint8_t *t, uint32_t n) {
  struct prose x;
  if (!read_prose(&x, t, n)) return kvasir_bytes(t, n);
  uint32_t out = 0;
  for (uint32_t i = x.inner.from; i < x.inner.to;) {
    uint8_t c = t[i];
    int after_word = !x.m[i] && ends_word(t, 0, out);
    if (after_word && (c == ' ' || c == '\t')) {
      uint32_t e = gap_end(&x, i);
      if (e > i) {
        i = e;
        continue;
      }
    } else if (after_word && ends_sentence(c)) {
      struct run r = run_at(&x, i);
      if (stands_free(&x, r.end)) {
        out = put_run(&x, r, i, out);
        i = r.end;
        continue;
      }
    }
    t[out++] = c;
    i++;
  }
  return kvasir_bytes(t, out);
}
