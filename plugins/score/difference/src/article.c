/* Articles and commas: the two small things that are left out most often. */
#include "tables.h"
#include "token.h"

static bool32 is_vowel(u32 c) { return is_one_of(c | 0x20, "aeiou"); }

/* "An" before a consonant, or "a" before a vowel, is a word of another language or a letter. */
static bool32 agrees(const side *s, const token *article, const token *next) {
    u8 c = s->text.s[next->at];
    if (article->word == W_THE || c >= 0x80 || next->kind == K_NUMBER) return YES;
    if (article->word == W_AN) return is_vowel(c) || (c | 0x20) == 'h' || (next->flags & F_UPPER);
    return !is_vowel(c) || (c | 0x20) == 'u' || (c | 0x20) == 'e' || (c | 0x20) == 'o' || (next->flags & F_UPPER);
}

static bool32 free_capitals(const side *s, const token *t) { return s->title || s->all_upper || (t->flags & F_START); }

#define SMALL_WORD (C_WH | C_PRONOUN | C_PREPOSITION | C_CONJUNCTION | C_TENSE | C_CAPITAL_HARD | C_ARTICLE)

static bool32 is_known(const token *t) { return t->kind == K_WORD && ((t->flags & F_COMMON) || t->word != NO_WORD); }

/* a 10 page essay, a 10-page essay */
static bool32 counts_something(const side *s, const token *number) {
    const token *next = number + 1, *end = s->tokens + s->n;
    if (next < end && next->kind == K_SIGN && s->text.s[next->at] == '-') next++;
    return next < end && next->kind == K_WORD && next->len > 1;
}

/* The Who, the US: there the article belongs to the name. "The" is English for sure; "a" and "an" are
 * words of other languages too, so something beside them must be known. */
static bool32 takes_article(const side *s, const token *next) {
    bool32 capital = (next->flags & F_CAPITAL) && !free_capitals(s, next);
    if (next->kind == K_NUMBER) return counts_something(s, next);
    if (next->kind != K_WORD || next->len < 2 || (next->flags & (F_EXACT | F_QUOTED))) return NO;
    if (next->class & (C_ARTICLE_COUNTS | C_ARTICLE | C_WH | C_CONJUNCTION | C_TENSE)) return NO;
    if ((next->class & C_PREPOSITION) && !(next->class & C_OPPOSITE)) return NO;
    bool32 acronym = (next->flags & F_UPPER) && !s->all_upper; /* the US, but not the Who */
    if ((next->class & C_INDEFINITE_COUNTS) && next[-1].word != W_THE) return NO;
    if (capital && !acronym && (next->class & SMALL_WORD)) return NO;
    return capital || is_known(next) || next[-1].word == W_THE || (next - 2 >= s->tokens && is_known(next - 2));
}

static bool32 is_after_label(const side *s, u32 i) {
    if (i == 0 || s->tokens[i].word == W_THE) return NO;
    const token *before = &s->tokens[i - 1];
    if (before->kind == K_NUMBER || before->kind == K_SIGN || before->kind == K_LITERAL) return YES;
    return before->kind == K_WORD && (before->len == 1 || (before->class & C_LABELLED));
}

static bool32 ends_sentence(const side *s, u32 i) {
    for (i++; i < s->n && s->tokens[i].drop; i++) continue;
    return i >= s->n || s->tokens[i].kind == K_STOP || s->tokens[i].kind == K_QUESTION || s->tokens[i].kind == K_LINE;
}

/* What is a python, what is python: where the noun is all there is, its article is the question. */
static bool32 is_definition(const side *s, u32 i) {
    u32 words = 0, k = i + 1;
    for (; k > 0 && words <= 3 && s->tokens[k - 1].kind == K_WORD; k--) words += s->tokens[k - 1].drop == KEPT;
    bool32 whole = k == 0 || s->tokens[k - 1].drop || s->tokens[k - 1].kind == K_STOP || s->tokens[k - 1].kind == K_LINE || s->tokens[k - 1].kind == K_QUESTION || s->tokens[k - 1].kind == K_COLON;
    return words <= 3 && whole && ends_sentence(s, i + 1);
}

static bool32 may_be_missing(const side *s, u32 i) {
    const token *t = &s->tokens[i], *next = t + 1;
    if (!(t->class & C_ARTICLE) || t->kind != K_WORD || (t->flags & (F_EXACT | F_QUOTED | F_GLUED | F_DOTTED | F_MENTIONED))) return NO;
    if ((t->flags & F_CAPITAL) && !free_capitals(s, t)) return NO;
    return takes_article(s, next) && agrees(s, t, next) && !is_after_label(s, i) && !is_definition(s, i);
}

void mark_articles(side *s) {
    for (u32 i = 0; i + 1 < s->n; i++) {
        if (s->tokens[i].drop || !may_be_missing(s, i)) continue;
        s->tokens[i].drop = DROP_ARTICLE;
        s->tokens[i + 1].article = s->tokens[i].word == W_THE ? ART_THE : ART_A;
    }
}

static bool32 is_name_like(const side *s, const token *t) {
    return (t->class & C_GIVEN) || ((t->flags & F_CAPITAL) && !(t->flags & F_COMMON) && !free_capitals(s, t));
}

static bool32 is_prose(const token *t) {
    return t->kind == K_WORD && t->len > 1 && !(t->flags & (F_EXACT | F_QUOTED));
}

/* Another comma one word before: the sentence ends in a list. */
static bool32 follows_item(const side *s, u32 i) { return i >= 2 && (s->tokens[i - 2].kind == K_COMMA || s->tokens[i - 2].kind == K_COLON); }

/* a lion, a mouse: an article as a word, not the letter. */
static bool32 is_article(const side *s, u32 i) {
    const token *t = &s->tokens[i];
    bool32 small = !(t->flags & (F_CAPITAL | F_EXACT | F_QUOTED | F_GLUED)) || s->all_upper || s->title;
    return t->kind == K_WORD && (t->class & C_ARTICLE) && small && i + 1 < s->n && is_prose(t + 1);
}

static bool32 ends_with_ing(const side *s, const token *t) {
    const u8 *end = s->text.s + t->at + t->len;
    return t->len > 4 && (end[-3] | 0x20) == 'i' && (end[-2] | 0x20) == 'n' && (end[-1] | 0x20) == 'g';
}

/* I like cooking, my dogs and my cat. */
static bool32 parts_object(const side *s, const token *before, const token *after) {
    return ends_with_ing(s, before) && (after->class & (C_ARTICLE | C_PRONOUN));
}

/* A comma counts beside negations (no, wait), before a relative clause, between names, between a verb and what may be its
 * object, and before the last word of a sentence, where it may call somebody (let us eat, grandma). */
static bool32 is_idle_comma(const side *s, u32 i) {
    const token *before = &s->tokens[i - 1], *after = &s->tokens[i + 1];
    if (!is_prose(before) || !(is_prose(after) || is_article(s, i + 1))) return NO;
    if ((before->class | after->class) & C_NEGATION || (after->class & C_RELATIVE) || parts_object(s, before, after)) return NO;
    if ((after->class & C_CONJUNCTION) || (before->class & after->class & C_PLACE)) return YES; /* Paris, France */
    if ((before->class | after->class) & C_GIVEN || (is_name_like(s, before) && is_name_like(s, after))) return NO;
    return !ends_sentence(s, i + 1) || follows_item(s, i);
}

/* June 4, 1989 */
static bool32 is_date_comma(const side *s, u32 i) {
    const token *year = &s->tokens[i + 1];
    if (i < 2 || year->kind != K_NUMBER || year->len != 4) return NO;
    return (s->tokens[i - 2].class & C_DATE) || (i >= 3 && (s->tokens[i - 3].class & C_DATE));
}

/* At the end of a line of prose the line break says as much. */
static bool32 is_line_comma(const side *s, u32 i) { return s->tokens[i + 1].kind == K_LINE && is_prose(&s->tokens[i - 1]); }

void mark_commas(side *s) {
    for (u32 i = 1; i + 1 < s->n; i++) {
        token *t = &s->tokens[i];
        if (t->kind != K_COMMA || t->drop || (t->flags & (F_EXACT | F_QUOTED))) continue;
        if (is_idle_comma(s, i) || is_date_comma(s, i) || is_line_comma(s, i)) t->drop = DROP_MARK;
    }
}
