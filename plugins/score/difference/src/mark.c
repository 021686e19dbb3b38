/* Decides which tokens of one text may be missing, without looking at the other text. */
#include "phrase.h"
#include "tables.h"
#include "token.h"

#define GRAMMAR                                                                                                        \
    (C_ARTICLE | C_WH | C_NEGATION | C_TENSE | C_MODAL | C_PREPOSITION | C_CONJUNCTION | C_PRONOUN | C_QUANTITY | C_STRESS)

static bool32 is_end_mark(const token *t) {
    return t->kind == K_STOP || t->kind == K_QUESTION || t->kind == K_ELLIPSIS || t->kind == K_LINE;
}

/* 2, 4, 6 ... and a, b, ... go on. */
static bool32 is_sequence(const side *s, u32 i) {
    if (i < 2) return YES;
    u8 last = s->tokens[i - 1].kind, before = s->tokens[i - 2].kind;
    if (last == K_NUMBER) return before == K_COMMA || before == K_NUMBER || before == K_LITERAL || before == K_SEMICOLON;
    return last == K_LITERAL || last == K_COMMA || (last == K_WORD && s->tokens[i - 1].len == 1);
}

/* The marks at the end of a text say nothing that the words do not, but "1, 2, ..." goes on. */
void mark_last_marks(side *s) {
    u32 end = s->n;
    for (; end && (is_end_mark(&s->tokens[end - 1]) || s->tokens[end - 1].drop) && !(s->tokens[end - 1].flags & F_EXACT); end--) {
        token *t = &s->tokens[end - 1];
        if (t->drop) continue;
        if (t->kind == K_ELLIPSIS && is_sequence(s, end - 1)) return;
        t->drop = DROP_MARK;
        if (t->kind != K_LINE) s->last_mark = t->kind == K_QUESTION ? '?' : s->last_mark ? s->last_mark : '.';
    }
}

static bool32 is_instruction(const token *t) { return t->kind == K_WORD && (t->class & (C_WH | C_TENSE | C_MODAL | C_REQUEST)); }

/* A question or a request on a line of its own needs no mark at its end. */
static void mark_line_ends(side *s) {
    bool32 instruction = NO;
    for (u32 i = 0; i + 1 < s->n; i++) {
        token *t = &s->tokens[i];
        if (t->flags & F_START) instruction = is_instruction(t);
        bool32 ends = t->kind == K_STOP || t->kind == K_QUESTION;
        if (ends && instruction && t[1].kind == K_LINE && i > 0 && t[-1].kind == K_WORD && !(t->flags & F_EXACT)) t->drop = DROP_MARK;
    }
}

/* A line break after a mark is a space. */
static void mark_lines(side *s) {
    for (u32 i = 1; i < s->n; i++) {
        token *t = &s->tokens[i];
        u8 before = s->tokens[i - 1].kind;
        bool32 exact = (t->flags & F_EXACT) || (i + 1 < s->n && (s->tokens[i + 1].flags & F_EXACT));
        if (t->kind == K_LINE && !exact && !s->tokens[i - 1].drop && (before == K_STOP || before == K_QUESTION || before == K_COLON)) t->drop = DROP_MARK;
    }
}

/* Twenty-five is twenty five. */
static void mark_number_hyphens(side *s) {
    for (u32 i = 1; i + 1 < s->n; i++) {
        token *t = &s->tokens[i];
        if (t->kind == K_SIGN && s->text.s[t->at] == '-' && (s->tokens[i - 1].class & C_NUMBER) && (s->tokens[i + 1].class & C_NUMBER) &&
            s->tokens[i - 1].kind == K_WORD && s->tokens[i + 1].kind == K_WORD)
            t->drop = DROP_MARK;
    }
}

static bool32 is_plain_word(const token *t) { return t->kind == K_WORD && !(t->flags & F_EXACT); }

/* really: only where it does not measure a quality ("a really short poem") */
static void mark_stress(side *s) {
    for (u32 i = 1; i + 1 < s->n; i++) {
        token *t = &s->tokens[i], *before = t - 1, *after = t + 1;
        if (!(t->class & C_STRESS) || (t->flags & (F_QUOTED | F_EXACT | F_START))) continue;
        if (!is_plain_word(before) || !is_plain_word(after) || ((before->class | after->class) & C_NEGATION)) continue;
        if (t->word == W_REALLY && !(before->class & (C_TENSE | C_PRONOUN))) continue;
        t->drop = DROP_STRESS;
    }
}

static bool32 is_plural(const side *s, const token *t) { return is_plain_word(t) && t->len > 3 && (s->text.s[t->at + t->len - 1] | 0x20) == 's'; }

/* give me some examples, what are some ways: no amount is meant. */
static bool32 is_vague_some(const side *s, u32 i) {
    const token *before = &s->tokens[i - 1], *after = &s->tokens[i + 1];
    if (!is_plural(s, after) && !(i + 2 < s->n && is_plural(s, after + 1))) return NO;
    if (before->word == W_ARE) return i >= 2 && (s->tokens[i - 2].class & C_WH);
    return before->word == W_ME || (before->class & C_REQUEST);
}

static void mark_some(side *s) {
    for (u32 i = 1; i + 1 < s->n; i++)
        if (s->tokens[i].word == W_SOME && !(s->tokens[i].flags & (F_QUOTED | F_EXACT)) && is_vague_some(s, i))
            s->tokens[i].drop = DROP_STRESS;
}

static void count_content(side *s) {
    s->content = 0;
    for (u32 i = 0; i < s->n; i++) {
        const token *t = &s->tokens[i];
        bool32 word = t->kind == K_WORD && !(t->class & GRAMMAR) && t->len > 1;
        s->content += t->drop == KEPT && (word || t->kind == K_NUMBER || t->kind == K_LITERAL);
    }
}

void side_mark(side *s, bool32 lax) {
    for (u32 i = 0; i < s->n; i++) {
        s->tokens[i].drop = KEPT, s->tokens[i].article = ART_NONE;
        s->tokens[i].flags &= (u16)~F_ASKED;
    }
    s->lax = lax, s->marked = YES, s->last_mark = 0;
    mark_last_marks(s);
    if (lax) mark_politeness(s);
    describe_case(s);
    if (lax) {
        mark_last_marks(s);
        mark_line_ends(s);
        mark_lines(s);
        mark_number_hyphens(s);
        mark_stress(s);
        mark_some(s);
        mark_articles(s);
        mark_commas(s);
    }
    count_content(s);
}
