#include "emit.h"
#include "lexicon.h"
#include "scan.h"
#include "tables.h"

#define LONGEST_WORD 40

static u32 mix(u32 h, u32 rune) { return (h ^ rune) * 0x01000193u; }

static u32 hash_bytes(const u8 *s, u32 n) {
    u32 h = 0x811c9dc5u;
    for (u32 i = 0; i < n; i++) h = mix(h, s[i]);
    return h;
}

static token *next_token(emitter *e, u8 kind, u32 at, u32 len) {
    if (e->s->n >= e->room) return e->full = YES, (token *)0;
    token *t = &e->s->tokens[e->s->n++];
    *t = (token){.at = at, .len = len, .word = NO_WORD, .kind = kind, .gap = e->gap};
    if (e->glued) t->flags |= F_GLUED;
    if (e->exact) t->flags |= F_EXACT;
    e->glued = YES, e->gap = 0;
    return t;
}

void emit(emitter *e, u8 kind, u32 at, u32 len) {
    token *t = next_token(e, kind, at, len);
    if (t) t->hash = hash_bytes(e->s->text.s + at, len);
}

void emit_number(emitter *e, u32 at, u32 len) {
    const u8 *s = e->s->text.s + at;
    token *t = next_token(e, K_NUMBER, at, len);
    if (!t) return;
    bool32 thousands = has_thousands(s, len);
    if (thousands) t->flags |= F_THOUSANDS;
    u32 h = 0x811c9dc5u;
    for (u32 i = 0; i < len; i++)
        if (!(thousands && s[i] == ',')) h = mix(h, s[i]);
    t->hash = h;
    word_entry entry = word_find(s, len);
    t->word = entry.id, t->class = entry.class | C_NUMBER;
}

/* How a word is written, gathered in one pass. */
typedef struct {
    u8 lower[LONGEST_WORD]; /* ASCII, without the dots of U.S. */
    u32 n;                  /* 0 if too long or not ASCII */
    u32 hash, letters, capitals;
    u16 flags;
} shape;

static void add_rune(shape *w, u32 r, bool32 *small, bool32 *ascii) {
    bool32 capital = is_capital(r);
    w->letters += r != '\'';
    w->capitals += capital;
    if (capital && w->letters == 1) w->flags |= F_CAPITAL;
    if (capital && *small) w->flags |= F_INNER;
    if (!capital && r != '\'') *small = YES;
    w->hash = mix(w->hash, lower(r));
    if (r >= 0x80 || w->n == LONGEST_WORD) *ascii = NO;
    else w->lower[w->n++] = (u8)lower(r);
}

static shape shape_of(const u8 *s, u32 len, bool32 dotted) {
    shape w = {.hash = 0x811c9dc5u};
    bool32 small = NO, ascii = YES;
    for (u32 i = 0, step; i < len; i += step) {
        u32 r = read_rune(s + i, &step);
        if (!(dotted && r == '.')) add_rune(&w, r, &small, &ascii);
    }
    if (w.letters >= 2 && w.letters == w.capitals) w.flags |= F_UPPER;
    if (w.letters >= 3 && w.letters == w.capitals + 1 && !(w.flags & F_CAPITAL)) w.flags &= (u16)~F_INNER; /* hOW */
    if (dotted) w.flags |= F_DOTTED;
    if (!ascii) w.n = 0;
    return w;
}

/* Words with accents are looked up as they are, in UTF-8. */
static word_entry find(const shape *w, const u8 *s, u32 len) {
    return w->n ? word_find(w->lower, w->n) : word_find(s, len);
}

static void describe(token *t, const shape *w, word_entry entry) {
    t->hash = w->hash, t->flags |= w->flags;
    t->word = entry.id, t->class = entry.class;
    if (entry.id == NO_WORD && w->n >= 2 && lexicon_common(w->lower, w->n)) t->flags |= F_COMMON;
}

static void emit_plain(emitter *e, u32 at, u32 len, bool32 dotted) {
    const u8 *s = e->s->text.s + at;
    shape w = shape_of(s, len, dotted);
    word_entry entry = find(&w, s, len);
    token *t = next_token(e, K_WORD, at, len);
    if (t) describe(t, &w, entry);
}

static void emit_expansion(emitter *e, u32 at, u32 len, const shape *w, const u16 *ids, u32 count) {
    for (u32 i = 0; i < count; i++) {
        token *t = next_token(e, K_WORD, at, len);
        if (!t) return;
        t->word = ids[i], t->class = word_class(ids[i]), t->hash = ids[i];
        t->flags |= F_SHORT | (i == 0 ? (w->flags & F_CAPITAL) : 0);
        if (i > 0) t->flags &= (u16)~F_GLUED;
    }
}

static bool32 is_possessive(const u8 *s, u32 len) {
    return len > 2 && s[len - 2] == '\'' && (s[len - 1] | 0x20) == 's';
}

void emit_word(emitter *e, u32 at, u32 len) {
    const u8 *s = e->s->text.s + at;
    shape w = shape_of(s, len, NO);
    word_entry entry = find(&w, s, len);
    const u16 *ids;
    u32 count = entry.own == NO_WORD || e->exact ? 0 : word_expansion(entry.own, &ids);
    if (count) return emit_expansion(e, at, len, &w, ids, count);
    if (entry.id == NO_WORD && is_dotted(s, len)) return emit_plain(e, at, len, YES);
    if (!is_possessive(s, len) || entry.id != NO_WORD) return emit_plain(e, at, len, NO);
    emit_plain(e, at, len - 2, NO);
    emit(e, K_SIGN, at + len - 2, 1);
    emit_plain(e, at + len - 1, 1, NO);
}

bool32 emit_symbol_name(emitter *e, u32 at, u32 len) {
    shape w = shape_of(e->s->text.s + at, len, NO);
    word_entry entry = w.n ? word_find(w.lower, w.n) : (word_entry){NO_WORD, NO_WORD, 0};
    if (!(entry.class & C_SYMBOL_NAME)) return NO;
    token *t = next_token(e, K_WORD, at, len);
    if (t) describe(t, &w, entry), t->flags &= (u16)~F_UPPER;
    return YES;
}
