#include "compare.h"
#include "case.h"
#include "spelling.h"
#include "tables.h"

#define MOST_SLIPS 3
#define LONGEST_WORD 40

static const token *at(place p) { return &p.s->tokens[p.i]; }
static const u8 *bytes(place p) { return p.s->text.s + at(p)->at; }

static bool32 same_raw(place a, place b) {
    const text *s = &a.s->text, *t = &b.s->text;
    u32 x = text_raw(s, at(a)->at), y = text_raw(t, at(b)->at);
    u32 n = text_raw(s, at(a)->at + at(a)->len) - x;
    return n == text_raw(t, at(b)->at + at(b)->len) - y && same_bytes(s->raw + x, t->raw + y, n);
}

static bool32 same_folded(place a, place b) { return at(a)->len == at(b)->len && same_bytes(bytes(a), bytes(b), at(a)->len); }

/* Reads the letters of a word one by one, small, without the dots of U.S. and the commas of 1,000. */
static u32 next_rune(place p, u32 *pos) {
    const token *t = at(p);
    while (*pos < t->len) {
        u32 len, r = read_rune(bytes(p) + *pos, &len);
        *pos += len;
        if ((r == '.' && (t->flags & F_DOTTED)) || (r == ',' && (t->flags & F_THOUSANDS))) continue;
        return lower(r);
    }
    return 0;
}

static bool32 same_letters(place a, place b) {
    if (at(a)->hash != at(b)->hash) return NO;
    for (u32 i = 0, j = 0;;) {
        u32 x = next_rune(a, &i), y = next_rune(b, &j);
        if (x != y) return NO;
        if (x == 0) return YES;
    }
}

static bool32 is_long_word(const side *s, u32 i) { return i < s->n && s->tokens[i].kind == K_WORD && s->tokens[i].len > 1; }

/* "&" is "and" between words, not between variables. */
static bool32 may_be_sign(place p) {
    if (bytes(p)[0] != '&') return YES;
    return p.i > 0 && is_long_word(p.s, p.i - 1) && is_long_word(p.s, p.i + 1);
}

static bool32 same_word_id(place a, place b) {
    if (at(a)->word == NO_WORD || at(a)->word != at(b)->word) return NO;
    return may_be_sign(a) && may_be_sign(b);
}

/* A unit may stand apart from its number or not; elsewhere a space between a sign and its neighbour counts. */
static bool32 is_unit_after_number(place p) {
    if (p.i == 0 || at(p)[-1].kind != K_NUMBER || at(p)->kind != K_WORD) return NO;
    return (at(p)->class & C_UNIT) || unit_signs_like(bytes(p), at(p)->len) > 0;
}

/* The hyphen of twenty-five is dropped, and what it glued comes apart. */
static bool32 is_glued(place p) { return (at(p)->flags & F_GLUED) && !(p.i > 0 && at(p)[-1].drop); }

static bool32 glue_agrees(place a, place b) {
    if (is_glued(a) == is_glued(b)) return YES;
    return is_unit_after_number(a) && is_unit_after_number(b);
}

/* MB and Mb are two units; KG can only be kg. */
static bool32 is_cased_unit(place p) { return is_unit_after_number(p) && ((at(p)->len == 1 && is_alpha(bytes(p)[0])) || unit_signs_like(bytes(p), at(p)->len) > 1); }

static enum match compare_numbers(place a, place b) {
    if (same_folded(a, b)) return M_SAME;
    return a.s->lax && same_letters(a, b) ? M_SAME : M_DIFFERENT;
}

static bool32 is_glued_on(place p) { return p.i + 1 < p.s->n && (p.s->tokens[p.i + 1].flags & F_GLUED) && p.s->tokens[p.i + 1].kind <= K_SIGN; }

/* two and 2, where both stand for themselves. */
static bool32 same_count(place a, place b) {
    if (at(a)->word == NO_WORD || at(a)->word != at(b)->word || !a.s->lax) return NO;
    return !((at(a)->flags | at(b)->flags) & (F_GLUED | F_QUOTED | F_EXACT | F_MENTIONED)) && !is_glued_on(a) && !is_glued_on(b);
}

static bool32 same_form(place a, place b) { return same_letters(a, b) || (a.s->lax && same_word_id(a, b)); }

static enum match compare_words(place a, place b, u32 slips);

/* the word hause, a band called ...: here it may be a word or a name of its own */
static bool32 is_introduced(place p) { return p.i > 0 && (at(p)[-1].class & C_INTRODUCES); }

/* name seven rivers */
static bool32 is_count(place a, place b) { return ((at(a)->class | at(b)->class) & C_NUMBER) != 0; }

/* In a text without capitals an unknown word may be a name, and then the word beside it as well. */
static bool32 is_neighbour_name(place p, u32 i) {
    if (i >= p.s->n || p.s->tokens[i].kind != K_WORD) return NO;
    const token *t = &p.s->tokens[i];
    if (t->class & C_GIVEN) return YES;
    bool32 hidden = p.s->all_lower || p.s->all_upper || p.s->title;
    return hidden && !(t->flags & F_COMMON) && t->word == NO_WORD;
}

/* May this word be a slip at all? Not in quotes, beside names, in a name other than of a known place, or where words are
 * the subject. */
static bool32 may_slip(place p, bool32 of_place, bool32 no_name) {
    const side *s = p.s;
    enum reading r = reading_of(p);
    if (s->has_form || (at(p)->flags & (F_QUOTED | F_EXACT | F_GLUED | F_MENTIONED)) || is_glued_on(p)) return NO;
    if (r == R_ACRONYM || r == R_INNER || (r == R_NAME && !of_place)) return NO;
    return no_name || (!is_neighbour_name(p, p.i - 1) && !is_neighbour_name(p, p.i + 1));
}

static u32 small_letters(place p, u8 *out) {
    u32 n = least(at(p)->len, LONGEST_WORD);
    for (u32 i = 0; i < n; i++) out[i] = (u8)(is_upper(bytes(p)[i]) ? bytes(p)[i] + 32 : bytes(p)[i]);
    return at(p)->len > LONGEST_WORD ? 0 : n;
}

/* Nobody is called so: who plays, who pllays ... */
#define GRAMMAR (C_ENGLISH | C_REQUEST | C_TENSE | C_WH | C_PREPOSITION | C_CONJUNCTION | C_PRONOUN | C_QUANTITY | C_MODAL)

static bool32 is_slip(place a, place b, const u8 *x, u32 xn, const u8 *y, u32 yn, u32 slips) {
    if (slips >= MOST_SLIPS || least(a.s->content, b.s->content) < 2 * (slips + 1)) return NO;
    u64 class = at(a)->class | at(b)->class;
    bool32 of_place = (class & C_PLACE) != 0, no_name = (class & GRAMMAR) && !(class & (C_PLACE | C_GIVEN));
    if (!may_slip(a, of_place, no_name) || !may_slip(b, of_place, no_name)) return NO;
    if ((is_introduced(a) || is_introduced(b)) && !is_count(a, b)) return NO;
    if (reading_of(a) == R_OPEN && reading_of(b) == R_OPEN && !((at(a)->flags & at(b)->flags) & F_START)) return NO;
    return is_misspelling(x, xn, y, yn);
}

static enum match compare_forms(place a, place b, u32 slips) {
    u8 x[LONGEST_WORD], y[LONGEST_WORD];
    if (!a.s->lax || ((at(a)->flags | at(b)->flags) & (F_SHORT | F_DOTTED))) return M_DIFFERENT;
    u32 xn = small_letters(a, x), yn = small_letters(b, y);
    if (!xn || !yn) return M_DIFFERENT;
    bool32 free = !((at(a)->flags | at(b)->flags) & F_QUOTED);
    free &= reading_of(a) != R_NAME && reading_of(b) != R_NAME;
    if (free && same_spelling(x, xn, y, yn)) return M_SPELLING;
    return is_slip(a, b, x, xn, y, yn, slips) ? M_SLIP : M_DIFFERENT;
}

static enum match compare_words(place a, place b, u32 slips) {
    if (!glue_agrees(a, b)) return M_DIFFERENT;
    if (same_folded(a, b)) return M_SAME;
    if (is_cased_unit(a) || is_cased_unit(b)) return M_DIFFERENT;
    if (is_unit_after_number(a) && is_unit_after_number(b) && same_letters(a, b)) return M_SAME;
    if (!same_form(a, b)) return compare_forms(a, b, slips);
    return !same_letters(a, b) || case_agrees(a, b) ? M_SAME : M_DIFFERENT;
}

static u8 role(const token *t) { return t->kind == K_QUESTION && (t->flags & F_ASKED) ? K_STOP : t->kind; }

static bool32 between_words(place p) {
    u32 before = p.i;
    while (before && p.s->tokens[before - 1].drop) before--;
    return before > 0 && p.i + 1 < p.s->n && p.s->tokens[before - 1].kind == K_WORD && at(p)[1].kind == K_WORD;
}

/* A line break between words ends a sentence as a stop does. */
static bool32 same_pause(place a, place b) {
    u8 x = role(at(a)), y = role(at(b));
    bool32 pauses = (x == K_STOP || x == K_LINE) && (y == K_STOP || y == K_LINE);
    return a.s->lax && pauses && between_words(a) && between_words(b);
}

static enum match compare_marks(place a, place b) {
    if (at(a)->kind == K_QUOTE && at(b)->kind == K_QUOTE) return same_folded(a, b) || !(a.s->has_code | b.s->has_code) ? M_SAME : M_DIFFERENT;
    if (role(at(a)) == role(at(b)) && a.s->lax) return M_SAME;
    if (at(a)->kind == at(b)->kind) return same_folded(a, b) ? M_SAME : M_DIFFERENT;
    return same_pause(a, b) ? M_SAME : M_DIFFERENT;
}

/* Where every byte counts, white space does as well. */
static enum match compare_exact(place a, place b) {
    bool32 both = at(a)->kind == at(b)->kind && at(a)->gap == at(b)->gap && !((at(a)->flags ^ at(b)->flags) & F_GLUED);
    return both && same_raw(a, b) ? M_SAME : M_DIFFERENT;
}

/* a dog, the dog: one article may be missing, another is another question. */
static bool32 articles_agree(place a, place b) {
    u8 x = at(a)->article, y = at(b)->article;
    return x == y || x == ART_NONE || y == ART_NONE;
}

enum match compare_tokens(place a, place b, u32 slips) {
    u8 x = at(a)->kind, y = at(b)->kind;
    if (!articles_agree(a, b)) return M_DIFFERENT;
    if ((at(a)->flags | at(b)->flags) & F_EXACT) return compare_exact(a, b);
    if (x != y && x <= K_NUMBER && y <= K_NUMBER) return same_count(a, b) ? M_SAME : M_DIFFERENT;
    if (x != y && (x < K_QUOTE || y < K_QUOTE)) return M_DIFFERENT;
    if (x == K_WORD) return compare_words(a, b, slips);
    if (x >= K_QUOTE) return compare_marks(a, b);
    if (!glue_agrees(a, b)) return M_DIFFERENT;
    if (x == K_NUMBER) return compare_numbers(a, b);
    return same_folded(a, b) ? M_SAME : M_DIFFERENT;
}
