/* Drops politeness around a request. README.md says when, phrases.txt has the phrases. */
#include "../text/shout.h"

static struct words words;

enum {
  GREETING = 1 << 0,
  OPENER = 1 << 1,
  PLEASE = 1 << 2,
  CAN_YOU = 1 << 3,
  REQUEST = 1 << 4,
  ASK = 1 << 5,
  CLOSING = 1 << 6,
  QUESTION = 1 << 7,
  AUXILIARY = 1 << 8,
  VERB = 1 << 9,
  TELLS = 1 << 10,
  MAKES = 1 << 11,
  PERSON = 1 << 12,
  OBJECT = 1 << 13,
  PRODUCT = 1 << 14,
  MENTION = 1 << 15,
  DANGLING = 1 << 16,
};

enum { LEADS = GREETING | OPENER | PLEASE | CAN_YOU | REQUEST | ASK, BEGINS = QUESTION | AUXILIARY | VERB };

static const uint8_t phrases_file[] = {
#embed "phrases.txt"
};

KVASIR_EXPORT(kvasir_init) uint64_t kvasir_init(const uint8_t *init, uint32_t n) {
  static const char manifest[] = "{\"name\":\"politeness\",\"version\":\"1.0.0\",\"roles\":[\"normalize\"]}";
  (void)init, (void)n;
  read_form();
  read_words(&words, phrases_file, phrases_file + sizeof phrases_file);
  return kvasir_bytes(manifest, sizeof manifest - 1);
}

enum { MOST_WORDS = 8, MOST_LEADS = 16 }; /* words of a phrase, phrases in a row */

static int in_word(const struct prose *x, uint32_t i) {
  return i < x->inner.to && !x->m[i] && (is_letter(x->t[i]) || (x->t[i] == '\'' && i + 1 < x->inner.to && is_letter(x->t[i + 1])));
}

static uint32_t word_end(const struct prose *x, uint32_t i) {
  while (in_word(x, i)) i++;
  return i;
}

static uint32_t skip_spaces(const struct prose *x, uint32_t i) {
  while (i < x->inner.to && !x->m[i] && (x->t[i] == ' ' || x->t[i] == '\t')) i++;
  return i;
}

static uint32_t hash_part(uint64_t *h, const struct prose *x, struct part p) {
  for (uint32_t i = p.from; i < p.to; i++) *h = hash_add(*h, lower(x->t[i]));
  return p.to;
}

/* lists_at returns the lists of the word at i. A word is not one that goes on with a digit, a sign or a dot. */
static uint32_t lists_at(const struct prose *x, uint32_t i) {
  uint64_t h = hash_start;
  uint32_t end = hash_part(&h, x, (struct part){i, word_end(x, i)});
  return end > i ? lists_of(&words, h) : 0;
}

/* next_word returns where the word after the one at i begins, if only blanks are between; else the end. */
static uint32_t next_word(const struct prose *x, uint32_t i) {
  uint32_t e = word_end(x, i), next = skip_spaces(x, e);
  return next > e && next < x->inner.to && !x->m[next] ? next : x->inner.to;
}

/* has_words says whether a part from i on has so many words. */
static int has_words(const struct prose *x, uint32_t i, uint32_t to, int many) {
  while (i < to && many) {
    if (!is_wordy(x->t[i])) {
      i++;
      continue;
    }
    while (i < to && !is_blank(x->t[i])) i++;
    many--;
  }
  return !many;
}

/* A phrase at the beginning, and where what follows begins. */
struct lead {
  uint32_t lists, rest;
  int mark; /* something other than blanks stands between */
};

/* longest finds the longest phrase at i that can lead. */
static struct lead longest(const struct prose *x, uint32_t i) {
  struct lead found = {0, i, 0};
  uint64_t h = hash_start;
  for (int k = 0; k < MOST_WORDS; k++) {
    uint32_t end = word_end(x, i);
    if (end == i) return found;
    if (k) h = hash_add(h, ' ');
    hash_part(&h, x, (struct part){i, end});
    uint32_t lists = lists_of(&words, h) & LEADS;
    if (lists) found.lists = lists, found.rest = end;
    i = skip_spaces(x, end);
    if (i == end) return found;
  }
  return found;
}

static int is_lead_mark(uint8_t c) { return ends_sentence(c) || c == ',' || c == ':' || c == ';'; }

/* after_mark goes past the mark behind a phrase. Code behind a line end is not a request. */
static int after_mark(const struct prose *x, struct lead *l) {
  const uint8_t *t = x->t;
  uint32_t i = l->rest, from = i, to = x->inner.to;
  while (i < to && !x->m[i] && (is_lead_mark(t[i]) || t[i] == ' ' || t[i] == '\t')) i++;
  if (i + 2 < to && i > from && t[i] == '-' && t[i - 1] == ' ' && t[i + 1] == ' ') i += 2;
  while (i < to && !x->m[i] && (t[i] == '\n' || t[i] == '\r')) i++;
  for (uint32_t k = from; k < i; k++) l->mark |= t[k] != ' ' && t[k] != '\t';
  l->rest = i;
  return i > from && i < to && !x->m[i] && is_blank(t[i - 1]) && is_letter(t[i]);
}

static struct lead lead_at(const struct prose *x, uint32_t i) {
  struct lead l = longest(x, i);
  if (l.lists && !after_mark(x, &l)) l.lists = 0;
  return l;
}

/* is_asked says whether the verb at i is one that "can you" asks for, and not one that it asks about. */
static int is_asked(const struct prose *x, uint32_t i) {
  uint32_t lists = lists_at(x, i), next = next_word(x, i), object = lists_at(x, next);
  if (lists & TELLS) return !(object & DANGLING) || object & (PERSON | OBJECT);
  if (!(lists & MAKES)) return 0;
  if (object & PERSON) return 1;
  uint32_t third = next_word(x, next), fourth = next_word(x, third);
  return object & OBJECT && (lists_at(x, third) | lists_at(x, fourth)) & PRODUCT;
}

/* fits says whether a phrase may go before the request at its rest. */
static int fits(const struct prose *x, struct lead l) {
  uint32_t lists = lists_at(x, l.rest);
  if (!(lists & BEGINS) || next_word(x, l.rest) == x->inner.to) return 0;
  if (l.lists & (GREETING | OPENER) && l.mark) return 1;
  if (l.lists & GREETING && lists & (QUESTION | VERB)) return has_words(x, l.rest, x->inner.to, 3);
  if (l.lists & PLEASE) return lists & (VERB | QUESTION);
  if (l.lists & ASK) return lists & QUESTION;
  if (l.mark) return 0;
  return l.lists & REQUEST ? lists & VERB : l.lists & CAN_YOU && is_asked(x, l.rest);
}

/* links says whether a phrase may go before another. */
static int links(struct lead l, struct lead next) {
  if (!next.lists) return 0;
  if (l.lists & (GREETING | PLEASE)) return 1;
  if (l.lists & OPENER) return l.mark;
  return l.lists & (CAN_YOU | REQUEST) && !l.mark && next.lists & PLEASE;
}

/* after_leads returns where the request begins, behind all phrases that may go. */
static uint32_t after_leads(const struct prose *x) {
  uint32_t best = x->inner.from, i = best;
  struct lead l = lead_at(x, i);
  for (int k = 0; k < MOST_LEADS && l.lists; k++) {
    if (fits(x, l)) best = l.rest;
    struct lead next = lead_at(x, l.rest);
    if (!links(l, next)) return best;
    l = next;
  }
  return best;
}

/* may_close says whether a closing may go: not where the text may be about it, or may hold another text. */
static int may_close(const struct prose *x) {
  for (uint32_t i = x->inner.from; i < x->inner.to;) {
    if (x->t[i] == ':' || x->m[i] & ~SIGNS) return 0;
    uint64_t h = hash_start;
    uint32_t end = i;
    for (uint8_t c; end < x->inner.to && (c = word_byte[x->t[end]]); end++) h = hash_add(h, c);
    if (end > i && lists_of(&words, h) & MENTION) return 0;
    i = end > i ? end : i + 1;
  }
  return 1;
}

/* word_start goes back to where the word that ends at i begins. */
static uint32_t word_start(const struct prose *x, uint32_t i) {
  while (i > x->inner.from && !x->m[i - 1] && (is_letter(x->t[i - 1]) || x->t[i - 1] == '\'')) i--;
  return i;
}

static uint32_t spaces_start(const struct prose *x, uint32_t i) {
  while (i > x->inner.from && (x->t[i - 1] == ' ' || x->t[i - 1] == '\t')) i--;
  return i;
}

/* is_closing says whether the words from i to the end are one of [closing]. */
static int is_closing(const struct prose *x, uint32_t i) {
  uint64_t h = hash_start;
  while (i < x->inner.to) {
    uint32_t end = hash_part(&h, x, (struct part){i, word_end(x, i)});
    i = skip_spaces(x, end);
    if (i < x->inner.to) h = hash_add(h, ' ');
    if (i == end) break;
  }
  return i == x->inner.to && lists_of(&words, h) & CLOSING;
}

/* is_whole says whether a part that a closing would leave is a request by itself. */
static int is_whole(const struct prose *x, struct part rest, int mark) {
  if (!(lists_at(x, rest.from) & BEGINS) || !has_words(x, rest.from, rest.to, mark ? 2 : 3)) return 0;
  uint32_t last = lists_at(x, word_start(x, rest.to));
  return !(last & (CLOSING | PLEASE)) && (mark || !(last & DANGLING));
}

/* before_marks goes back over marks and blanks, and says whether there is more than blanks. */
static uint32_t before_marks(const struct prose *x, uint32_t i, int *mark) {
  for (*mark = 0; i > x->inner.from; i--) {
    uint8_t c = x->t[i - 1];
    if (!is_lead_mark(c) && !is_blank(c)) break;
    *mark |= c != ' ' && c != '\t';
  }
  return i;
}

/* before_closing returns where the request ends, before the longest closing that may go; else the end. The
 * request is in one line, which ends at feed. */
static uint32_t before_closing(const struct prose *x, uint32_t feed) {
  uint32_t best = x->inner.to, start = best;
  for (int k = 0; k < MOST_WORDS; k++) {
    uint32_t end = spaces_start(x, start);
    start = word_start(x, end);
    if (start == end) break;
    if (!is_closing(x, start)) continue;
    int mark;
    struct part rest = {x->inner.from, before_marks(x, start, &mark)};
    if (rest.to < start && rest.to <= feed && is_whole(x, rest, mark)) best = rest.to;
  }
  return best;
}

/* A closing mark of the request stays until its end is looked at. */
static uint32_t with_marks(const struct prose *x, uint32_t end) {
  while (end < x->inner.to && ends_sentence(x->t[end])) end++;
  return end;
}

/* without_phrases takes phrases off both ends until there are none. */
static void without_phrases(struct prose *x) {
  uint32_t from = x->inner.to, to, feed = 0;
  int closes = 0;
  do {
    to = x->inner.to;
    x->inner.from = after_leads(x);
    if (x->inner.from != from) {
      from = x->inner.from;
      feed = line_end(x->t, to, from);
      closes = may_close(x);
    }
    if (closes) x->inner.to = with_marks(x, before_closing(x, feed));
    x->inner = inner(x->t, x->inner, x->m);
  } while (x->inner.from != from || x->inner.to != to);
}

KVASIR_EXPORT(kvasir_normalize) uint64_t kvasir_normalize(uint8_t *t, uint32_t n) {
  struct prose x;
  if (!read_prose(&x, t, n)) return kvasir_bytes(t, n);
  struct part whole = x.inner;
  without_phrases(&x);
  struct part rest = x.inner;
  if (rest.from == whole.from && rest.to == whole.to) return kvasir_bytes(t, n);
  if (is_shouted(&x, rest) && !is_shouted(&x, whole)) return kvasir_bytes(t, n);
  return kvasir_bytes(t + rest.from, rest.to - rest.from);
}
