/* Writes characters that are the same to a reader one way. README.md says what is left alone. */
#include "../text/code.h"
#include "../text/form.h"

KVASIR_EXPORT(kvasir_init) uint64_t kvasir_init(const uint8_t *init, uint32_t n) {
  static const char manifest[] = "{\"name\":\"unicode\",\"version\":\"1.0.0\",\"roles\":[\"normalize\"]}";
  (void)init, (void)n;
  read_form();
  return kvasir_bytes(manifest, sizeof manifest - 1);
}

/* compose returns the text in NFC, in scratch memory, or 0. */
static uint8_t *compose(const uint8_t *t, uint32_t n, uint32_t *size) {
  for (uint32_t cap = n + 64;;) {
    uint8_t *to = kvasir_scratch(cap);
    if (!to) return 0;
    int32_t need = kvasir_text_fold(KVASIR_NFC, t, n, to, cap);
    if (need < 0) return 0;
    *size = (uint32_t)need;
    if (*size <= cap) return to;
    cap = *size;
  }
}

/* wide_katakana are the wide forms of U+FF61 to U+FF9F. */
static const uint16_t wide_katakana[] = {
    0x3002, 0x300c, 0x300d, 0x3001, 0x30fb, 0x30f2, 0x30a1, 0x30a3, 0x30a5, 0x30a7, 0x30a9, 0x30e3, 0x30e5,
    0x30e7, 0x30c3, 0x30fc, 0x30a2, 0x30a4, 0x30a6, 0x30a8, 0x30aa, 0x30ab, 0x30ad, 0x30af, 0x30b1, 0x30b3,
    0x30b5, 0x30b7, 0x30b9, 0x30bb, 0x30bd, 0x30bf, 0x30c1, 0x30c4, 0x30c6, 0x30c8, 0x30ca, 0x30cb, 0x30cc,
    0x30cd, 0x30ce, 0x30cf, 0x30d2, 0x30d5, 0x30d8, 0x30db, 0x30de, 0x30df, 0x30e0, 0x30e1, 0x30e2, 0x30e4,
    0x30e6, 0x30e8, 0x30e9, 0x30ea, 0x30eb, 0x30ec, 0x30ed, 0x30ef, 0x30f3, 0x3099, 0x309a,
};

/* plain returns the character that one stands for, or itself. Full width ` and ~ stay: they would make code
 * of what is around them. */
static uint32_t plain(uint32_t r) {
  if (is_wide_blank(r)) return ' ';
  if (r >= 0x2018 && r <= 0x201b) return '\'';
  if (r >= 0x201c && r <= 0x201f) return '"';
  if (r >= 0xff01 && r <= 0xff5d && r != 0xff40) return r - 0xff01 + '!';
  if (r >= 0xff61 && r <= 0xff9f) return wide_katakana[r - 0xff61];
  switch (r) {
  case 0xffe0: return 0xa2;
  case 0xffe1: return 0xa3;
  case 0xffe5: return 0xa5;
  case 0xffe6: return 0x20a9;
  }
  return r;
}

/* letters returns what a character is written out as, or 0. */
static const char *letters(uint32_t r) {
  switch (r) {
  case 0x2026: return "...";
  case 0xfb00: return "ff";
  case 0xfb01: return "fi";
  case 0xfb02: return "fl";
  case 0xfb03: return "ffi";
  case 0xfb04: return "ffl";
  case 0xfb06: return "st";
  }
  return 0;
}

/* joins_letters has the scripts in which joiners shape the letters around them: Arabic and its neighbours,
 * those of India and South East Asia, Mongolian. */
static int joins_letters(uint32_t r) {
  return (r >= 0x600 && r <= 0xfff) || (r >= 0x1000 && r <= 0x109f) || (r >= 0x1780 && r <= 0x18af) ||
         (r >= 0x1900 && r <= 0x1cff) || (r >= 0xa800 && r <= 0xabff) || (r >= 0xfb50 && r <= 0xfdff) ||
         (r >= 0xfe70 && r <= 0xfefc) || (r >= 0x10a00 && r <= 0x11fff) || (r >= 0x1e900 && r <= 0x1e95f);
}

/* joins_pictures has what emoji sequences are made of. */
static int joins_pictures(uint32_t r) {
  return (r >= 0x1f000 && r <= 0x1faff) || (r >= 0x2190 && r <= 0x2bff) || r == 0xfe0f || r == 0x3030 ||
         r == 0x303d || r == 0x3297 || r == 0x3299 || r == 0xa9 || r == 0xae || (r >= 0xe0020 && r <= 0xe007f);
}

/* drops says whether an invisible character carries nothing between the two that are beside it. */
static int drops(uint32_t before, uint32_t r, uint32_t after) {
  if (r == 0x200c) return !joins_letters(before);
  if (r == 0x200d) return !joins_letters(before) && !(joins_pictures(before) && joins_pictures(after));
  return 1;
}

/* is_latin_letter is for what a hyphen stands between in a word. */
static int is_latin_letter(uint32_t r) {
  return r < 0x80 ? is_ascii_letter((uint8_t)r) : r >= 0xc0 && r < 0x250 && r != 0xd7 && r != 0xf7;
}

/* is_code says whether a line is left alone: quotes in code are what the code says. */
static int is_code(const uint8_t *t, uint32_t i, uint32_t end, const uint8_t *m) {
  if (m[i]) return 1;
  for (; i < end; i++) {
    if (t[i] == '`' || (t[i] == '~' && i + 2 < end && t[i + 1] == '~' && t[i + 2] == '~')) return 1;
  }
  return 0;
}

/* What is written of a line: where the next character goes, the last one, and a hyphen not yet written. */
struct line {
  uint8_t *to;
  uint32_t before, hyphen;
};

/* put_hyphen writes the hyphen that waits. Those of their own (U+2010, and U+2011, which does not break) are
 * plain ones between letters; before a number they might be a sign. */
static void put_hyphen(struct line *l, uint32_t after) {
  if (!l->hyphen) return;
  int plain = is_latin_letter(l->before) && is_latin_letter(after);
  l->to = put_rune(l->to, l->before = plain ? '-' : l->hyphen);
  l->hyphen = 0;
}

static void put(struct line *l, uint32_t r) {
  put_hyphen(l, r);
  if (r == 0x2010 || r == 0x2011) {
    l->hyphen = r;
  } else {
    l->to = put_rune(l->to, l->before = r);
  }
}

/* last is the character that was written last, or waits. */
static uint32_t last(const struct line *l) { return l->hyphen ? l->hyphen : l->before; }

/* put_plain writes a line of prose over itself: no character becomes longer. */
static uint8_t *put_plain(const uint8_t *p, const uint8_t *end, uint8_t *to) {
  struct line l = {to, 0, 0};
  while (p < end) {
    const uint8_t *peek;
    uint32_t r = next_rune(&p), after = 0;
    if (is_invisible(r)) {
      if (p < end) peek = p, after = next_rune(&peek);
      if (drops(last(&l), r, after)) continue;
    }
    const char *text = r >= 0x2026 ? letters(r) : 0;
    if (!text) put(&l, r < 0x80 ? r : plain(r));
    for (; text && *text; text++) put(&l, (uint8_t)*text);
  }
  put_hyphen(&l, 0);
  return l.to;
}

static uint32_t make_plain(uint8_t *t, uint32_t n, const uint8_t *m) {
  uint8_t *to = t;
  for (uint32_t i = 0, end; i < n; i = end) {
    end = line_end(t, n, i);
    end += end < n;
    if (is_code(t, i, end, m)) {
      while (i < end) *to++ = t[i++];
    } else {
      to = put_plain(t + i, t + end, to);
    }
  }
  return (uint32_t)(to - t);
}

static int is_ascii(const uint8_t *t, uint32_t n) {
  uint64_t bits = 0, eight;
  for (; n >= 8; t += 8, n -= 8) {
    __builtin_memcpy(&eight, t, 8);
    bits |= eight;
  }
  for (; n; t++, n--) bits |= *t;
  return !(bits & 0x8080808080808080);
}

/* Composed first, so that what is looked for is there, and again, for what has come together. */
KVASIR_EXPORT(kvasir_normalize) uint64_t kvasir_normalize(uint8_t *t, uint32_t n) {
  if (n > LONGEST || is_ascii(t, n)) return kvasir_bytes(t, n);
  kvasir_scratch_reset();
  uint32_t size;
  uint8_t *text = compose(t, n, &size), *m = text ? kvasir_scratch(size) : 0;
  if (!m) return kvasir_fail("no memory for a text this long");
  if (is_about_form(text, size)) return kvasir_bytes(text, size);
  __builtin_memset(m, 0, size);
  mark_lines(text, size, m);
  size = make_plain(text, size, m);
  text = compose(text, size, &size);
  return text ? kvasir_bytes(text, size) : kvasir_fail("no memory for a text this long");
}
