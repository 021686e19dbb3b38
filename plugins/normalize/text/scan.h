/* What the normalizers know of bytes, runes and words. Texts are valid UTF-8: the host sees to that. */
#ifndef SCAN_H
#define SCAN_H

#include "kvasir.h"

/* Longer texts are left as they are: the steps of one call would not last. */
enum { LONGEST = 16 << 10 };

static inline int is_blank(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static inline int is_digit(uint8_t c) { return (uint8_t)(c - '0') < 10; }
static inline int is_upper(uint8_t c) { return (uint8_t)(c - 'A') < 26; }
static inline int is_lower(uint8_t c) { return (uint8_t)(c - 'a') < 26; }
static inline int is_ascii_letter(uint8_t c) { return (uint8_t)((c | 0x20) - 'a') < 26; }
/* is_letter takes every byte of a character beyond ASCII for a letter. */
static inline int is_letter(uint8_t c) { return is_ascii_letter(c) || c >= 0x80; }
static inline int is_wordy(uint8_t c) { return is_letter(c) || is_digit(c) || c == '_'; }
static inline uint8_t lower(uint8_t c) { return is_upper(c) ? c | 0x20 : c; }

/* What a byte may be of interest for. */
enum { FEED = 1, SIGN = 2, TICK = 4, DOUBLE = 8, SINGLE = 16, CURLY = 32, UPPER = 64, HIGH = 128 };

/* Tables by byte: a byte of a word in its small form, or 0, and what it is of interest for. */
static uint8_t word_byte[256], interest[256];

static void make_tables(void) {
  for (uint32_t c = 0; c < 256; c++) {
    word_byte[c] = is_wordy((uint8_t)c) ? lower((uint8_t)c) : 0;
    interest[c] = c >= 0x80 ? HIGH : is_upper((uint8_t)c) ? UPPER : 0;
  }
  for (const char *p = "={}\\(<>:/|&$;"; *p; p++) interest[(uint8_t)*p] = SIGN;
  interest['\n'] = FEED, interest['`'] = interest['~'] = TICK;
  interest['"'] = DOUBLE, interest['\''] = SINGLE, interest[0xe2] = CURLY | HIGH;
}

/* interests returns all that some byte of a text is of interest for. */
static inline uint8_t interests(const uint8_t *t, uint32_t n) {
  uint8_t all = 0;
  uint32_t i = 0;
  for (; i + 4 <= n; i += 4) all |= interest[t[i]] | interest[t[i + 1]] | interest[t[i + 2]] | interest[t[i + 3]];
  for (; i < n; i++) all |= interest[t[i]];
  return all;
}

/* find_byte returns where c is next, or end. It looks at eight bytes at a time. */
static inline uint32_t find_byte(const uint8_t *t, uint32_t i, uint32_t end, uint8_t c) {
  const uint64_t ones = 0x0101010101010101;
  for (uint64_t eight; i + 8 <= end; i += 8) {
    __builtin_memcpy(&eight, t + i, 8);
    eight ^= ones * c;
    if ((eight - ones) & ~eight & ones << 7) break;
  }
  while (i < end && t[i] != c) i++;
  return i;
}

/* next_rune decodes the character at *at and goes past it. */
static inline uint32_t next_rune(const uint8_t **at) {
  const uint8_t *p = *at;
  uint32_t c = *p;
  if (c < 0x80) return *at = p + 1, c;
  if (c < 0xe0) return *at = p + 2, (c & 0x1f) << 6 | (p[1] & 0x3f);
  if (c < 0xf0) return *at = p + 3, (c & 0x0f) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3f);
  return *at = p + 4, (c & 0x07) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3f);
}

/* put_rune writes a character, and returns where the next goes. */
static inline uint8_t *put_rune(uint8_t *to, uint32_t r) {
  if (r < 0x80) {
    *to++ = (uint8_t)r;
  } else if (r < 0x800) {
    *to++ = (uint8_t)(0xc0 | r >> 6);
    *to++ = (uint8_t)(0x80 | (r & 0x3f));
  } else {
    if (r >= 0x10000) *to++ = (uint8_t)(0xf0 | r >> 18);
    *to++ = (uint8_t)(r < 0x10000 ? 0xe0 | r >> 12 : 0x80 | (r >> 12 & 0x3f));
    *to++ = (uint8_t)(0x80 | (r >> 6 & 0x3f));
    *to++ = (uint8_t)(0x80 | (r & 0x3f));
  }
  return to;
}

/* is_wide_blank has the blanks beyond ASCII that differ from a space only in width. */
static inline int is_wide_blank(uint32_t r) {
  return r == 0xa0 || (r >= 0x2000 && r <= 0x200a) || r == 0x202f || r == 0x205f || r == 0x3000;
}

/* is_invisible has what shows nothing and does nothing, except the joiners where a script or an emoji needs
 * them: zero width spaces and joiners, word joiner, byte order mark, soft hyphen. */
static inline int is_invisible(uint32_t r) {
  return r == 0xad || (r >= 0x200b && r <= 0x200d) || r == 0x2060 || r == 0xfeff;
}

#endif
