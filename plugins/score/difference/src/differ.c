#include "differ.h"
#include "case.h"
#include "tables.h"

const char *difference_name(u8 type) {
    static const char *const names[] = {"number", "symbol", "negation", "name", "unit", "wh-word", "tense", "order", "code", "content word",
                                        "bytes", "article", "politeness", "punctuation", "emphasis", "case", "spelling", "misspelling",
                                        "contraction", "characters"};
    return names[type];
}

/* A span of tokens of one text. */
typedef struct {
    const side *s;
    u32 from, to;
} span;

static u32 span_start(span x) { return x.from < x.s->n ? text_raw(&x.s->text, x.s->tokens[x.from].at) : x.s->text.raw_len; }

static u32 span_end(span x) {
    if (x.from == x.to) return span_start(x);
    const token *t = &x.s->tokens[x.to - 1];
    return text_raw(&x.s->text, t->at + t->len);
}

static void note(differences *d, u8 type, bool32 allowed, span a, span b) {
    if (!allowed) d->same = NO;
    if (d->n == MOST_DIFFERENCES) {
        d->more++;
        return;
    }
    d->list[d->n++] = (difference){type, (u8)allowed, span_start(a), span_end(a), span_start(b), span_end(b)};
}

static u8 type_of(place p) {
    const token *t = &p.s->tokens[p.i];
    bool32 number_before = p.i > 0 && t[-1].kind == K_NUMBER;
    if (t->class & C_NEGATION) return T_NEGATION;
    if (t->kind == K_NUMBER || (t->class & C_NUMBER)) return T_NUMBER;
    if ((t->class & C_UNIT) || (number_before && is_unit_sign(p.s->text.s + t->at, t->len))) return T_UNIT;
    if (t->class & C_WH) return T_WH;
    if (t->flags & F_EXACT) return T_CODE;
    if (t->kind == K_LITERAL) return t->len > 3 ? T_CODE : T_SYMBOL;
    if (t->kind != K_WORD) return T_SYMBOL;
    enum reading r = reading_of(p);
    if ((t->class & C_GIVEN) || r == R_NAME || r == R_ACRONYM) return T_NAME;
    return t->class & (C_TENSE | C_MODAL) ? T_TENSE : T_CONTENT;
}

/* Of several tokens the one that weighs most names the difference. */
static u8 heaviest(span x, u8 type) {
    static const u8 weight[] = {[T_NEGATION] = 9, [T_NUMBER] = 8, [T_UNIT] = 7, [T_WH] = 6, [T_CODE] = 5, [T_SYMBOL] = 2, [T_NAME] = 4, [T_TENSE] = 3, [T_CONTENT] = 1};
    for (u32 i = x.from; i < x.to; i++) {
        u8 t = type_of((place){x.s, i});
        if (x.s->tokens[i].drop == KEPT && weight[t] > weight[type]) type = t;
    }
    return type;
}

static bool32 same_ending_verb(span a, span b) {
    const token *x = &a.s->tokens[a.from], *y = &b.s->tokens[b.from];
    if (a.to - a.from != 1 || b.to - b.from != 1 || x->kind != K_WORD || y->kind != K_WORD) return NO;
    u32 n = 0, most = least(x->len, y->len);
    while (n < most && a.s->text.s[x->at + n] == b.s->text.s[y->at + n]) n++;
    const u8 *end = b.s->text.s + y->at + y->len - 1, *other = a.s->text.s + x->at + x->len - 1;
    return n >= 3 && n + 3 >= most && (*end == 'd' || *other == 'd' || *end == 'g' || *other == 'g');
}

static u32 sum(span x) {
    u32 total = 0;
    for (u32 i = x.from; i < x.to; i++)
        if (x.s->tokens[i].drop == KEPT) total += x.s->tokens[i].hash | 1;
    return total;
}

static void note_refused(differences *d, span a, span b) {
    u8 type = heaviest(b, heaviest(a, T_CONTENT));
    if (type == T_CONTENT && same_ending_verb(a, b)) type = T_TENSE;
    u32 x = sum(a), y = sum(b);
    d->a_sum += x, d->b_sum += y, d->moved |= x != y || a.to - a.from > 1;
    note(d, type, NO, a, b);
}

static u8 dropped_type(const side *s, u32 i) {
    static const u8 types[] = {[DROP_ARTICLE] = T_ARTICLE, [DROP_POLITE] = T_POLITENESS, [DROP_MARK] = T_PUNCTUATION, [DROP_STRESS] = T_STRESS};
    return types[s->tokens[i].drop];
}

static bool32 same_bytes_in(span a, span b) {
    u32 x = span_start(a), y = span_start(b), n = span_end(a) - x;
    return n == span_end(b) - y && same_bytes(a.s->text.raw + x, b.s->text.raw + y, n);
}

/* What one side or both left out between two kept tokens. */
static void note_dropped(differences *d, span a, span b) {
    if (a.from == a.to && b.from == b.to) return;
    if (same_bytes_in(a, b)) return;
    note(d, a.from < a.to ? dropped_type(a.s, a.from) : dropped_type(b.s, b.from), YES, a, b);
}

static void note_matched(differences *d, enum match m, span a, span b) {
    const token *x = &a.s->tokens[a.from], *y = &b.s->tokens[b.from];
    if (same_bytes_in(a, b)) return;
    if (m == M_SLIP) return note(d, T_MISSPELLING, YES, a, b);
    if ((x->flags | y->flags) & F_SHORT) return note(d, T_CONTRACTION, YES, a, b);
    if (x->kind >= K_QUOTE) return note(d, T_PUNCTUATION, YES, a, b);
    if (m == M_SPELLING || x->kind != y->kind || x->hash != y->hash) return note(d, T_SPELLING, YES, a, b);
    note(d, ((x->flags ^ y->flags) & (F_CAPITAL | F_UPPER | F_INNER)) ? T_CASE : T_CHARACTERS, YES, a, b);
}

static void skip(walk *w, differences *d) {
    u32 i = w->i, j = w->j;
    walk_skip(w);
    note_dropped(d, (span){w->a, i, w->i}, (span){w->b, j, w->j});
}

static u32 kept_after(const side *s, u32 i, u32 steps) {
    for (; i < s->n; i++) {
        if (s->tokens[i].drop) continue;
        if (steps-- == 0) return i;
    }
    return s->n;
}

static bool32 meets(const walk *w, u32 i, u32 j) {
    if (i == w->a->n || j == w->b->n) return i == w->a->n && j == w->b->n;
    return compare_tokens((place){w->a, i}, (place){w->b, j}, 9) != M_DIFFERENT;
}

/* Both texts go on alike from i and j: two tokens, so that a chance "the" does not join them. */
static bool32 rejoins(const walk *w, u32 i, u32 j) {
    return meets(w, i, j) && meets(w, kept_after(w->a, i, 1), kept_after(w->b, j, 1));
}

#define WINDOW 12

/* The nearest place where the texts join again. Farther than the window they are given up for different to the end. */
static void resume(walk *w) {
    for (u32 total = 1; total <= 2 * WINDOW; total++)
        for (u32 k = 0; k <= total; k++) {
            /* replaced words first, then what only one side has */
            u32 di = (k & 1) ? total / 2 + (k + 1) / 2 : total / 2 - k / 2;
            if (di > total || di > WINDOW || total - di > WINDOW) continue;
            u32 i = kept_after(w->a, w->i, di), j = kept_after(w->b, w->j, total - di);
            if (!rejoins(w, i, j)) continue;
            w->i = i, w->j = j;
            return;
        }
    w->i = w->a->n, w->j = w->b->n;
}

static u32 trim(const side *s, u32 from, u32 to) {
    while (to > from && s->tokens[to - 1].drop) to--;
    return to;
}

static void step(walk *w, differences *d) {
    u32 i = w->i, j = w->j;
    enum match m = walk_step(w);
    if (m != M_DIFFERENT) return note_matched(d, m, (span){w->a, i, i + 1}, (span){w->b, j, j + 1});
    resume(w);
    note_refused(d, (span){w->a, i, trim(w->a, i, w->i)}, (span){w->b, j, trim(w->b, j, w->j)});
}

static void name_order(differences *d) {
    if (d->a_sum != d->b_sum || !d->moved) return;
    for (u32 i = 0; i < d->n; i++)
        if (!d->list[i].allowed) d->list[i].type = T_ORDER;
}

static void differ_bytes(guarded *a, guarded *b, differences *d) {
    d->same = guard_agrees(a, b);
    if (!d->same) d->list[d->n++] = (difference){T_BYTES, NO, 0, a->raw_len, 0, b->raw_len};
}

static bool32 has_more(const walk *w) { return w->i < w->a->n || w->j < w->b->n; }

void differ(guarded *a, guarded *b, differences *d) {
    d->n = d->more = d->a_sum = d->b_sum = 0, d->same = YES, d->moved = NO;
    if (!a->readable || !b->readable) return differ_bytes(a, b, d);
    walk w;
    walk_start(&w, &a->s, &b->s);
    while (has_more(&w) && d->more < MOST_DIFFERENCES) {
        skip(&w, d);
        if (has_more(&w)) step(&w, d);
    }
    if (moods_differ(&w)) note(d, T_SYMBOL, NO, (span){&a->s, a->s.n - 1, a->s.n}, (span){&b->s, b->s.n - 1, b->s.n});
    name_order(d);
}
