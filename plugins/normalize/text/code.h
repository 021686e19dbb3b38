/* Which lines of a text are not prose: fenced and indented ones, and those with the signs of code. In doubt a
 * line is not prose. */
#ifndef CODE_H
#define CODE_H

#include "scan.h"

/* Marks, one byte for each of the text. 0 is prose. */
enum { FENCED = 1, INDENTED = 2, SIGNS = 4, SPAN = 8, LINE = FENCED | INDENTED };

/* line_end returns where a line ends: at its line feed, or at the end. */
static inline uint32_t line_end(const uint8_t *t, uint32_t n, uint32_t i) {
  return find_byte(t, i, n, '\n');
}

/* skip_indent goes past the blanks of any width that a line begins with, and says how wide they are. */
static uint32_t skip_indent(const uint8_t *t, uint32_t i, uint32_t end, uint32_t *width) {
  *width = 0;
  while (i < end) {
    const uint8_t *p = t + i;
    uint32_t r = next_rune(&p);
    if (r == '\t') {
      *width += 4;
    } else if (r == ' ' || is_wide_blank(r)) {
      *width += 1;
    } else if (!is_invisible(r) && !(r >= '\v' && r <= '\r')) {
      break;
    }
    i = (uint32_t)(p - t);
  }
  return i;
}

/* fence returns how many ` or ~ a line begins with, 0 for fewer than three. */
static inline uint32_t fence(const uint8_t *t, uint32_t i, uint32_t end) {
  uint32_t n = 0;
  if (i < end && (t[i] == '`' || t[i] == '~')) {
    while (i + n < end && t[i + n] == t[i]) n++;
  }
  return n >= 3 ? n : 0;
}

/* has_signs looks for what is common in code and rare in prose: assignments, braces, calls, paths of names. */
static int has_signs(const uint8_t *t, uint32_t i, uint32_t end) {
  uint8_t before = 0, last = 0;
  for (; i < end; i++) {
    uint8_t c = t[i], next = i + 1 < end ? t[i + 1] : 0;
    switch (c) {
    case '=': case '{': case '}': case '\\':
      return 1;
    case '(':
      if (is_wordy(before) && !(next == 's' && i + 2 < end && t[i + 2] == ')')) return 1;
      if (next == ')') return 1;
      break;
    case '<':
      if (is_ascii_letter(next) || next == '/' || next == '!' || next == '<') return 1;
      break;
    case '>':
      if (before == '-' || before == '/' || next == '>') return 1;
      break;
    case ':':
      if (before == ':') return 1;
      break;
    case '/':
      if (next == '*' || before == '*') return 1;
      break;
    case '|': case '&':
      if (before == c) return 1;
      break;
    case '$':
      if (is_letter(next) || next == '(' || next == '*' || next == '?' || next == '@' || next == '#') return 1;
      break;
    }
    before = c;
    if (!is_blank(c)) last = c;
  }
  return last == ';';
}

static inline void set_marks(uint8_t *m, uint32_t from, uint32_t to, uint8_t mark) {
  if (to > from) __builtin_memset(m + from, mark, to - from);
}

/* all_blank says whether nothing but blanks is there. */
static inline int all_blank(const uint8_t *t, uint32_t i, uint32_t end) {
  while (i < end && is_blank(t[i])) i++;
  return i == end;
}

/* mark_lines marks whole lines. The first line is not indented where no other is: people paste blanks. */
static void mark_lines(const uint8_t *t, uint32_t n, uint8_t *m) {
  uint32_t open = 0, first_from = 0, first_to = 0, indented = 0, lines = 0;
  uint8_t opener = 0;
  for (uint32_t i = 0, end; i < n; i = end + 1) {
    uint32_t width;
    end = line_end(t, n, i);
    uint32_t b = skip_indent(t, i, end, &width), run = fence(t, b, end);
    uint32_t to = end < n ? end + 1 : end;
    if (open) {
      set_marks(m, i, to, FENCED);
      if (run >= open && t[b] == opener && all_blank(t, b + run, end)) open = 0;
      continue;
    }
    if (run) {
      open = run, opener = t[b];
      set_marks(m, i, to, FENCED);
      lines++;
      continue;
    }
    if (b == end) continue;
    lines++;
    if (width >= 2 && lines == 1) {
      first_from = i, first_to = to;
    } else if (width >= 2) {
      set_marks(m, i, to, INDENTED);
      indented++;
      continue;
    }
    if (has_signs(t, b, end)) set_marks(m, i, to, SIGNS);
  }
  if (indented) set_marks(m, first_from, first_to, INDENTED);
}

#endif
