/* Where a text begins and ends without what carries no meaning there: blanks, closing marks, quotes around
 * the whole. */
#ifndef ENDS_H
#define ENDS_H

#include "code.h"

/* A part of a text, from inclusive to exclusive. */
struct part {
  uint32_t from, to;
};

static inline int ends_sentence(uint8_t c) { return c == '.' || c == '?' || c == '!'; }

/* ends_word says whether a word of two letters or more ends at i. One letter may be a variable: n! or π! A
 * character of a script that has no variables is a word by itself. */
static int ends_word(const uint8_t *t, uint32_t from, uint32_t i) {
  uint32_t s = i;
  while (s > from && (t[s - 1] & 0xc0) == 0x80) s--;
  if (s < i && s > from) s--;
  if (s == i) return i >= from + 2 && is_ascii_letter(t[i - 1]) && (is_letter(t[i - 2]) || t[i - 2] == '\'');
  if (t[s] >= 0xe3) return t[s] < 0xf0;
  return t[s] < 0xe2 && s > from && is_letter(t[s - 1]);
}

/* closing returns where the closing marks at the end of a part begin, or its end if they have to stay. */
static uint32_t closing(const uint8_t *t, struct part p) {
  uint32_t s = p.to, marks = 0, loud = 0, dots = 0;
  while (s > p.from && ends_sentence(t[s - 1])) {
    s--, marks++;
    loud += t[s] == '!';
    dots += t[s] == '.';
  }
  if (!marks) {
    int stop = p.to >= p.from + 4 && t[s - 3] == 0xe3 && t[s - 2] == 0x80 && t[s - 1] == 0x82; /* 。 */
    return stop && !is_blank(t[s - 4]) ? s - 3 : p.to;
  }
  if (s == p.from) return p.to;
  uint8_t before = t[s - 1];
  if (is_blank(before)) return !dots && marks != 2 ? s : p.to;     /* "git add ." is not "git add" */
  if (ends_word(t, p.from, s) || before == '"' || before == '\'') return s;
  if (is_wordy(before) || before == ')' || before == ']' || before == '`' || before == '%') {
    if (!loud) return dots == 2 && marks == 2 ? p.to : s;          /* 1.. is a range */
  } else if ((before == '+' || before == '#') && !loud) {
    return marks == 1 || !dots ? s : p.to;
  }
  return p.to;                                                     /* 5! is not 5, $? is not $ */
}

/* quoted says whether one pair of quotes is around all of a part, and around more than a word. */
static int quoted(const uint8_t *t, struct part p) {
  uint8_t quote = t[p.from];
  int blanks = 0;
  if ((quote != '"' && quote != '\'') || p.to < p.from + 3 || t[p.to - 1] != quote) return 0;
  if (is_blank(t[p.from + 1]) || is_blank(t[p.to - 2])) return 0;
  for (uint32_t i = p.from + 1; i + 1 < p.to; i++) {
    if (t[i] == quote) return 0;
    blanks |= is_blank(t[i]);
  }
  return blanks;
}

/* trim takes blanks off both ends, but not the indentation of code. */
static struct part trim(const uint8_t *t, struct part p, const uint8_t *m) {
  while (p.from < p.to && is_blank(t[p.from]) && !(m[p.from] & LINE)) p.from++;
  while (p.to > p.from && is_blank(t[p.to - 1])) p.to--;
  return p;
}

/* inner takes all off both ends that may go. m has the marks of lines, and not yet those of spans. */
static struct part inner(const uint8_t *t, struct part p, const uint8_t *m) {
  for (;;) {
    p = trim(t, p, m);
    if (p.from == p.to || m[p.to - 1]) return p;
    uint32_t to = closing(t, p);
    if (to < p.to) {
      p.to = to;
    } else if (!m[p.from] && quoted(t, p)) {
      p.from++, p.to--;
    } else {
      return p;
    }
  }
}

#endif
