#include "case.h"
#include "tables.h"

enum reading reading_of(place p) {
    const token *t = &p.s->tokens[p.i];
    if (t->flags & F_UPPER) return p.s->all_upper ? R_OPEN : R_ACRONYM;
    if (t->flags & F_INNER) return R_INNER;
    if (!(t->flags & F_CAPITAL)) return R_PLAIN;
    return (t->flags & F_START) || p.s->title || p.s->all_upper ? R_OPEN : R_NAME;
}

static const token *at(place p) { return &p.s->tokens[p.i]; }

/* NASA and nasa are one; US and us, IT and it are not. NOT is a loud not. */
static bool32 acronym_agrees(const token *acronym, const token *other, enum reading r) {
    if (r == R_OPEN && (other->flags & F_UPPER)) return YES;
    if (acronym->class & (C_EMPHASIS | C_ACRONYM)) return YES;
    return !(acronym->flags & F_COMMON) && acronym->word == NO_WORD;
}

static const token *first_word(const side *s) {
    for (u32 i = 0; i < s->n; i++)
        if (s->tokens[i].kind == K_WORD && s->tokens[i].drop != DROP_POLITE) return &s->tokens[i];
    return 0;
}

/* One text has lost its capitals from the first letter on, so a small letter in it says nothing. */
static bool32 is_lowered(const side *small, const side *other) {
    const token *t = first_word(other);
    return small->all_lower && t && (t->flags & F_CAPITAL);
}

static bool32 one_is_lowered(place a, place b) { return is_lowered(a.s, b.s) || is_lowered(b.s, a.s); }

/* the capital of china: only a land has one. */
static bool32 is_owner(place p) { return p.i >= 2 && at(p)[-1].word == W_OF && (at(p)[-2].class & C_OWNED_BY_PLACE); }

static bool32 name_agrees(const token *name, place a, place b) {
    if (name->class & C_CAPITAL_HARD) return is_owner(a) && one_is_lowered(a, b);
    if (name->class & C_CAPITAL_LAND) return one_is_lowered(a, b);
    if (name->class & C_CAPITAL_NAME) return a.s->all_lower || b.s->all_lower;
    if (name->class & C_CAPITAL_SOFT) return a.s->content >= 3 && b.s->content >= 3;
    return YES;
}

/* getName is code, iPhone is not. */
static bool32 is_identifier(place p) { return !(at(p)->flags & F_CAPITAL) && !(at(p)->class & C_CAMEL_NAME); }

static bool32 pair_agrees(place a, place b, enum reading ra, enum reading rb) {
    if (ra == R_INNER && is_identifier(a)) return NO;
    if (ra == R_INNER) return rb != R_INNER && !a.s->has_code && !b.s->has_code;
    if (ra == R_ACRONYM) return acronym_agrees(at(a), at(b), rb);
    if (ra == R_NAME && rb == R_PLAIN) return name_agrees(at(a), a, b);
    return YES;
}

static bool32 whole_case(const side *s) { return s->title || s->all_upper; }

/* A single letter is a name of its own kind: variable, grade, option. Only "I" and "A" have a case of no meaning, or
 * a letter of a text that is capitals throughout or has lost them. */
static bool32 letter_agrees(place a, place b) {
    if (at(a)->word != at(b)->word) return NO;
    bool32 compared = a.s->has_comparison || b.s->has_comparison;
    if (!compared && (a.s->all_upper != b.s->all_upper || one_is_lowered(a, b))) return YES;
    bool32 open = reading_of(a) == R_OPEN || reading_of(b) == R_OPEN;
    return at(a)->word == W_I || (at(a)->word == W_A && open);
}

/* Where the rules of English do not hold, only the first letter of the text is free. */
static bool32 strict_agrees(place a, place b) { return a.i == 0 && b.i == 0 && at(a)->len == at(b)->len; }

/* A citation keeps its case, but for a text that is capitals throughout; not where words are compared. */
static bool32 cited_agrees(place a, place b) {
    return (whole_case(a.s) || whole_case(b.s)) && !a.s->has_comparison && !b.s->has_comparison;
}

static bool32 is_possessive_s(place p) { return p.i > 0 && p.s->text.s[at(p)[-1].at] == '\'' && (at(p)->flags & F_GLUED); }

/* Mb and MB are two units, with a number before them or not. */
static bool32 are_two_units(place a, place b) {
    const u8 *x = a.s->text.s + at(a)->at, *y = b.s->text.s + at(b)->at;
    bool32 both = at(a)->len == 2 && (at(a)->flags & at(b)->flags & F_CAPITAL) && is_unit_sign(x, 2) && is_unit_sign(y, 2);
    return both && x[1] != y[1] && !whole_case(a.s) && !whole_case(b.s);
}

bool32 case_agrees(place a, place b) {
    const token *x = at(a), *y = at(b);
    if ((x->flags | y->flags) & F_SHORT) return YES;
    if (!a.s->lax) return strict_agrees(a, b);
    if (are_two_units(a, b)) return NO;
    if (x->len == 1) return letter_agrees(a, b) || (is_possessive_s(a) && is_possessive_s(b));
    enum reading ra = reading_of(a), rb = reading_of(b);
    if ((x->flags | y->flags) & F_CITED) return cited_agrees(a, b);
    if (ra == rb) return ra != R_INNER || !(a.s->has_code || b.s->has_code || is_identifier(a) || is_identifier(b));
    bool32 quoted = (x->flags | y->flags) & F_QUOTED;
    if (quoted && ra != R_OPEN && rb != R_OPEN) return NO;
    return pair_agrees(a, b, ra, rb) && pair_agrees(b, a, rb, ra);
}
