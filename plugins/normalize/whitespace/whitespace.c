/* Writes blanks in prose one way. README.md says what is left alone. */
#include "../text/prose.h"

KVASIR_EXPORT(kvasir_init) uint64_t kvasir_init(const uint8_t *init, uint32_t n) {
  static const char manifest[] = "{\"name\":\"whitespace\",\"version\":\"1.0.0\",\"roles\":[\"normalize\"]}";
  (void)init, (void)n;
  read_form();
  return kvasir_bytes(manifest, sizeof manifest - 1);
}

/* A line, from inclusive to exclusive its line feed. The text only gets shorter, so it is written over the
 * input. */
static uint32_t put_line(struct prose *x, struct part line, uint32_t out) {
  uint8_t *t = x->t, *m = x->m;
  int as_is = m[line.from] & (LINE | SIGNS);
  for (uint32_t i = line.from; i < line.to; i++) {
    if (!as_is && is_blank(t[i]) && !m[i]) {
      while (i + 1 < line.to && is_blank(t[i + 1]) && !m[i + 1]) i++;
      t[out++] = ' ';
    } else {
      t[out++] = t[i];
    }
  }
  return out;
}

/* without_ends takes blanks off the ends of a line, except those that mean something. */
static struct part without_ends(const struct prose *x, struct part line) {
  const uint8_t *t = x->t, *m = x->m;
  if (m[line.from] & FENCED) {
    if (line.to > line.from && t[line.to - 1] == '\r') line.to--;
    return line;
  }
  while (line.to > line.from && is_blank(t[line.to - 1]) && !(m[line.to - 1] & SPAN)) line.to--;
  while (line.from < line.to && is_blank(t[line.from]) && !(m[line.from] & (LINE | SPAN))) line.from++;
  return line;
}

/* is_plain says whether all blanks are single spaces between other bytes. */
static int is_plain(const uint8_t *t, uint32_t n) {
  uint8_t before = ' ';
  for (uint32_t i = 0; i < n; before = t[i++]) {
    if (is_blank(t[i]) && (t[i] != ' ' || before == ' ')) return 0;
  }
  return before != ' ';
}

KVASIR_EXPORT(kvasir_normalize) uint64_t kvasir_normalize(uint8_t *t, uint32_t n) {
  struct prose x;
  if (is_plain(t, n) || !read_prose(&x, t, n)) return kvasir_bytes(t, n);
  struct part all = trim(t, (struct part){0, n}, x.m);
  uint32_t out = 0, blank_lines = 0;
  for (uint32_t i = all.from, end; i < all.to; i = end + 1) {
    end = line_end(t, all.to, i);
    int fenced = x.m[i] & FENCED;
    struct part line = without_ends(&x, (struct part){i, end});
    if (line.from == line.to && !fenced) {
      blank_lines++;
      continue;
    }
    if (out) t[out++] = '\n';
    if (out && blank_lines) t[out++] = '\n';
    blank_lines = 0;
    out = put_line(&x, line, out);
  }
  return kvasir_bytes(t, out);
}
