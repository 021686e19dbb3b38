/* Which parts of lines are not prose: code in backticks, and what is in quotes. */
#ifndef SPANS_H
#define SPANS_H

#include "code.h"

/* A span ends in its paragraph: where a line is blank or marked, or at the end. */
static uint32_t paragraph_end(const uint8_t *t, uint32_t end, const uint8_t *m, uint32_t i) {
  for (; i < end && !m[i]; i++) {
    if (t[i] != '\n') continue;
    uint32_t j = i + 1;
    while (j < end && t[j] != '\n' && is_blank(t[j])) j++;
    if (j >= end || t[j] == '\n') return i;
  }
  return i;
}

static uint32_t backticks(const uint8_t *t, uint32_t end, uint32_t i) {
  uint32_t n = 0;
  while (i + n < end && t[i + n] == '`') n++;
  return n;
}

enum { MOST_BACKTICKS = 4 }; /* longer runs are not code in a line */

/* mark_backticks pairs runs of the same length. Where one has no other half, later ones of its length have
 * none either, so each length is looked for in vain only once. */
static void mark_backticks(const uint8_t *t, uint32_t i, uint32_t end, uint8_t *m) {
  uint8_t failed = 0;
  while (i < end) {
    uint32_t run = backticks(t, end, i), j = i + run;
    if (!run || run > MOST_BACKTICKS || failed >> run & 1) {
      i += run ? run : 1;
      continue;
    }
    while (j < end) {
      uint32_t other = backticks(t, end, j);
      if (other == run) break;
      j += other ? other : 1;
    }
    if (j < end) {
      set_marks(m, i, j + run, SPAN);
      i = j + run;
    } else {
      failed |= (uint8_t)(1 << run);
      i += run;
    }
  }
}

/* opens says whether a quote at i may begin something. */
static inline int opens(const uint8_t *t, uint32_t from, uint32_t i) {
  if (i == from) return 1;
  uint8_t before = t[i - 1];
  return is_blank(before) || before == '(' || before == '[' || before == ',' || before == ':' || before == '"' ||
         before == '\'';
}

/* mark_quotes pairs quotes that are outside of code. A single quote closes where no letter follows, in its
 * line. A search that fails is not made again before the end it ran to. */
static void mark_quotes(const uint8_t *t, uint32_t from, uint32_t end, uint8_t *m, uint8_t quote) {
  uint32_t no_other_before = from;
  for (uint32_t i = from; (i = find_byte(t, i, end, quote)) < end; i++) {
    if (m[i] || i < no_other_before || !opens(t, from, i)) continue;
    uint32_t j = i + 1;
    if (quote == '\'' && (j >= end || is_blank(t[j]))) continue;
    for (; j < end; j++) {
      if (quote == '\'' && t[j] == '\n') break;
      if (t[j] != quote || m[j]) continue;
      if (quote == '"' || (j > i + 1 && !is_blank(t[j - 1]) && (j + 1 >= end || !is_wordy(t[j + 1])))) break;
    }
    if (j < end && t[j] == quote) {
      set_marks(m, i, j + 1, SPAN);
      i = j;
    } else {
      no_other_before = j;
    }
  }
}

/* mark_curly marks from a left quotation mark to the next right one, whatever is between. */
static void mark_curly(const uint8_t *t, uint32_t from, uint32_t end, uint8_t *m) {
  uint32_t open = end;
  for (uint32_t i = from; i + 2 < end; i++) {
    if (t[i] != 0xe2 || t[i + 1] != 0x80) continue;
    if (t[i + 2] == 0x9c && open == end) open = i;
    if (t[i + 2] == 0x9d && open != end) {
      set_marks(m, open, i + 3, SPAN);
      open = end;
    }
  }
}

/* mark_spans marks code and quotes inside of lines. seen says what there is. */
static void mark_spans(const uint8_t *t, uint32_t from, uint32_t to, uint8_t *m, uint8_t seen) {
  if (!(seen & (TICK | DOUBLE | SINGLE | CURLY))) return;
  for (uint32_t i = from; i < to;) {
    if (m[i] || t[i] == '\n') {
      i++;
      continue;
    }
    uint32_t end = seen & (FEED | SIGN | TICK) ? paragraph_end(t, to, m, i) : to;
    if (seen & TICK) mark_backticks(t, i, end, m);
    if (seen & DOUBLE) mark_quotes(t, i, end, m, '"');
    if (seen & SINGLE) mark_quotes(t, i, end, m, '\'');
    if (seen & CURLY) mark_curly(t, i, end, m);
    i = end > i ? end : i + 1;
  }
}

#endif
