/* Folds capitals that carry no meaning in English prose. README.md says which do, words.txt has the words. */
#include "../text/shout.h"

static struct words words;

enum {
  ENGLISH = 1 << 0,
  CAPITALS_COUNT = 1 << 1,
  TITLE_DIFFERS = 1 << 2,
  OPENS_QUESTION = 1 << 3,
  SUBJECT = 1 << 4,
  SAME = 1 << 5,
  CAPITALS_DIFFER = 1 << 6,
  SHORT = 1 << 7,
  AFTER_I = 1 << 8,
  BEFORE_I = 1 << 9,
  BEFORE_A = 1 << 10,
  LABELS = 1 << 11,
};

static const uint8_t words_file[] = {
#embed "words.txt"
};

KVASIR_EXPORT(kvasir_init) uint64_t kvasir_init(const uint8_t *init, uint32_t n) {
  static const char manifest[] = "{\"name\":\"case\",\"version\":\"1.0.0\",\"roles\":[\"normalize\"]}";
  (void)init, (void)n;
  read_form();
  read_words(&words, words_file, words_file + sizeof words_file);
  return kvasir_bytes(manifest, sizeof manifest - 1);
}

/* A token is what stands between blanks, a body what is left of it without marks around: ("Hello,") */
struct token {
  struct part body;
  uint32_t end;
};

static int is_opening(uint8_t c) { return c == '(' || c == '[' || c == '"' || c == '\''; }

static int is_closing(uint8_t c) {
  return ends_sentence(c) || c == ')' || c == ']' || c == '"' || c == '\'' || c == ',' || c == ':' || c == ';';
}

static struct token token_at(const struct prose *x, uint32_t i) {
  const uint8_t *t = x->t;
  struct token k = {{i, i}, i};
  while (k.end < x->inner.to && !is_blank(t[k.end])) k.end++;
  k.body.to = k.end;
  while (k.body.from < k.body.to && is_opening(t[k.body.from])) k.body.from++;
  while (k.body.to > k.body.from && is_closing(t[k.body.to - 1])) k.body.to--;
  return k;
}

static uint32_t lists_at(const struct prose *x, struct part p) {
  return lists_of(&words, hash_word(x->t + p.from, p.to - p.from));
}

static uint32_t skip_blanks(const struct prose *x, uint32_t i) {
  while (i < x->inner.to && is_blank(x->t[i])) i++;
  return i;
}

/* is_english says whether the text is to be folded at all. */
static int is_english(const struct prose *x) {
  uint32_t seen = 0;
  for (uint32_t i = skip_blanks(x, x->inner.from); i < x->inner.to;) {
    struct token k = token_at(x, i);
    if (!x->m[k.body.from]) seen |= lists_at(x, k.body);
    i = skip_blanks(x, k.end);
  }
  return seen & ENGLISH && !(seen & CAPITALS_COUNT);
}

/* small_rune returns the small form of a capital that has one of as many bytes, in Latin, Greek and Cyrillic.
 * Of the dotted and dotless i and the two forms of sigma no one knows which is meant, so they stay. */
static uint32_t small_rune(uint32_t r) {
  if (r < 0x80) return lower((uint8_t)r);
  if (r >= 0xc0 && r <= 0xde && r != 0xd7) return r + 0x20;
  if (r == 0x178) return 0xff;
  if ((r >= 0x100 && r <= 0x137 && r != 0x130 && r != 0x131) || (r >= 0x14a && r <= 0x177)) return r | 1;
  if ((r >= 0x139 && r <= 0x148) || (r >= 0x179 && r <= 0x17e)) return r + (r & 1);
  if (r >= 0x391 && r <= 0x3ab && r != 0x3a2 && r != 0x3a3) return r + 0x20;
  if (r >= 0x410 && r <= 0x42f) return r + 0x20;
  if (r >= 0x400 && r <= 0x40f) return r + 0x50;
  return r;
}

static int is_foreign_letter(uint32_t r) {
  return (r >= 0xc0 && r <= 0x17f && r != 0xd7 && r != 0xf7 && r != 0x138 && r != 0x149) || (r >= 0x391 && r <= 0x3c9) ||
         (r >= 0x400 && r <= 0x45f);
}

/* How the letters of a word are written. */
enum { SMALL, TITLE, CAPITALS, MIXED, NO_WORD };

struct word {
  struct part p;
  int form;
  uint32_t letters;
};

/* hOW: all but the first letter, which somebody made small behind a greeting. */
static int is_capitals_but_first(const uint8_t *t, struct part p) {
  if (p.to - p.from < 3 || !is_lower(t[p.from])) return 0;
  for (uint32_t i = p.from + 1; i < p.to; i++)
    if (!is_upper(t[i])) return 0;
  return 1;
}

/* read_word looks at p, which is no word if it has anything but letters. */
static struct word read_word(const struct prose *x, struct part p) {
  struct word w = {p, NO_WORD, 0};
  const uint8_t *at = x->t + p.from, *end = x->t + p.to;
  uint32_t capitals = 0;
  int first = 0;
  while (at < end) {
    uint32_t r = next_rune(&at);
    if (r < 0x80 ? !is_ascii_letter((uint8_t)r) : !is_foreign_letter(r)) return w;
    int capital = small_rune(r) != r || r == 0x130 || r == 0x3a3;
    if (!w.letters++) first = capital;
    capitals += (uint32_t)capital;
  }
  w.form = !capitals ? SMALL : capitals == w.letters ? CAPITALS : capitals == 1 && first ? TITLE : MIXED;
  return w;
}

static void fold(const struct prose *x, struct part p) {
  const uint8_t *at = x->t + p.from, *end = x->t + p.to;
  for (uint8_t *to = x->t + p.from; at < end;) to = put_rune(to, small_rune(next_rune(&at)));
}

/* What is around the word at hand. */
struct context {
  struct part before; /* the body of the token before, empty at the start */
  struct token token;
  int shouted;
};

static struct part part_after(const struct prose *x, const struct context *c) {
  uint32_t i = c->token.end;
  if (c->token.body.to != i || i >= x->inner.to || x->t[i] != ' ') return (struct part){i, i};
  i = skip_blanks(x, i);
  return x->m[i] ? (struct part){i, i} : token_at(x, i).body;
}

static int at_start(const struct prose *x, const struct context *c) { return c->token.body.from == x->inner.from; }

/* is_article and is_person are for the words A and I by themselves. Other letters are names of things. */
static int is_article(const struct prose *x, const struct context *c) {
  struct part next = part_after(x, c);
  struct word w = read_word(x, next);
  if (w.form == NO_WORD || w.letters < 3) return 0;
  uint32_t lists = lists_at(x, next), before = lists_at(x, c->before);
  if (at_start(x, c)) return !(lists & (ENGLISH | SUBJECT));
  if (before & BEFORE_A || (c->shouted && !(before & LABELS))) return 1;
  return w.form == TITLE && !(lists & ENGLISH) && !(before & LABELS) && read_word(x, c->before).letters > 1;
}

static int is_person(const struct prose *x, const struct context *c) {
  return lists_at(x, c->before) & BEFORE_I || lists_at(x, part_after(x, c)) & AFTER_I;
}

static int folds_title(const struct prose *x, const struct context *c, struct word w, uint32_t lists) {
  if (lists_of(&words, hash_exact(x->t + w.p.from, w.p.to - w.p.from)) & TITLE_DIFFERS) {
    return lists & OPENS_QUESTION && at_start(x, c) && w.p.to == c->token.end && lists_at(x, part_after(x, c)) & SUBJECT;
  }
  return w.letters > 2 || lists & SHORT;
}

static int folds_capitals(const struct prose *x, struct word w, uint32_t lists) {
  uint32_t exact = lists_of(&words, hash_exact(x->t + w.p.from, w.p.to - w.p.from));
  if ((lists | exact) & SAME) return 1;
  return w.letters >= 6 && !(exact & CAPITALS_DIFFER);
}

static int folds(const struct prose *x, const struct context *c, struct word w) {
  if (c->shouted && w.form == MIXED) return is_capitals_but_first(x->t, w.p);
  if (w.form != TITLE && w.form != CAPITALS) return 0;
  uint32_t lists = lists_at(x, w.p);
  if (w.letters == 1) {
    uint8_t letter = x->t[w.p.from];
    int alone = w.p.to - w.p.from == c->token.body.to - c->token.body.from;
    return alone && ((letter == 'A' && is_article(x, c)) || (letter == 'I' && is_person(x, c)));
  }
  if (w.letters <= 3 && !(lists & ENGLISH) && c->before.to > c->before.from && is_digit(x->t[c->before.to - 1])) return 0; /* 5 Mb */
  if (c->shouted) return 1;
  return w.form == TITLE ? folds_title(x, c, w, lists) : folds_capitals(x, w, lists);
}

/* suffix returns where what an apostrophe adds begins: 's, 't, 'll and so on. Else the end. */
static uint32_t suffix(const struct prose *x, struct part body) {
  const uint8_t *t = x->t;
  uint32_t i = body.to;
  while (i > body.from && is_ascii_letter(t[i - 1]) && body.to - i < 2) i--;
  return i > body.from + 1 && t[i - 1] == '\'' && i < body.to ? i - 1 : body.to;
}

/* has_capitals says whether there may be something to fold. */
static int has_capitals(const struct prose *x, struct part p) {
  return interests(x->t + p.from, p.to - p.from) & (UPPER | HIGH);
}

/* fold_token folds each part of Mother-In-Law by itself. */
static void fold_token(const struct prose *x, const struct context *c) {
  struct part body = c->token.body;
  uint32_t tail = suffix(x, body), kept = 0;
  if (x->t[body.from] == 'I' && tail == body.from + 1 && tail < body.to) {
    fold(x, body);
    return;
  }
  for (uint32_t i = body.from, end; i < tail; i = end + 1) {
    end = i;
    while (end < tail && x->t[end] != '-') end++;
    struct word w = read_word(x, (struct part){i, end});
    if (w.form == NO_WORD) return;
    kept |= w.form != SMALL && !folds(x, c, w);
  }
  if (!kept) fold(x, body);
}

/* sentence_at returns the part from i to behind the next mark that ends a sentence, or a line. */
static struct part sentence_at(const struct prose *x, uint32_t i) {
  struct part p = {i, i};
  while (p.to < x->inner.to) {
    uint8_t c = x->t[p.to++];
    int mark = (ends_sentence(c) || c == ':') && (p.to == x->inner.to || is_blank(x->t[p.to]));
    if ((mark || c == '\n') && !x->m[p.to - 1]) break;
  }
  return p;
}

/* is_loud says whether at least four words of a sentence are in capitals, and four times as many as are not: a greeting or
 * thanks in small letters beside it is not shouted along. */
static int is_loud(const struct prose *x, struct part sentence) {
  uint32_t loud = 0, small = 0;
  for (uint32_t i = sentence.from, end; i < sentence.to; i = end) {
    for (end = i; end < sentence.to && is_ascii_letter(x->t[end]) && !x->m[end]; end++) continue;
    struct word w = read_word(x, (struct part){i, end});
    uint32_t capitals = w.form == CAPITALS || is_capitals_but_first(x->t, w.p);
    loud += capitals && w.letters > 1;
    small += !capitals && w.letters > 1;
    end += end == i;
  }
  return loud >= 4 && loud >= 4 * small;
}

KVASIR_EXPORT(kvasir_normalize) uint64_t kvasir_normalize(uint8_t *t, uint32_t n) {
  struct prose x;
  if (!read_prose(&x, t, n) || !(x.seen & (UPPER | HIGH)) || !is_english(&x)) return kvasir_bytes(t, n);
  int shouted = is_shouted(&x, x.inner);
  struct context c = {{0, 0}, {{0, 0}, 0}, shouted};
  struct part sentence = {0, 0};
  for (uint32_t i = skip_blanks(&x, x.inner.from); i < x.inner.to;) {
    if (i >= sentence.to) {
      sentence = sentence_at(&x, i);
      c.shouted = shouted || is_loud(&x, sentence);
    }
    c.token = token_at(&x, i);
    struct part b = c.token.body;
    if (b.from < b.to && !x.m[i] && !x.m[b.from] && !x.m[b.to - 1] && has_capitals(&x, b)) {
      fold_token(&x, &c);
    }
    if (b.from < b.to) c.before = b;
    i = skip_blanks(&x, c.token.end);
  }
  return kvasir_bytes(t, n);
}
