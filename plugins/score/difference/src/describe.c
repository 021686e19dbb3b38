/* What can be said about a text as a whole: language, use of capitals, sentences, where its form counts. */
#include "phrase.h"
#include "tables.h"
#include "token.h"

static bool32 is_opening(const side *s, u32 i) {
    if (i == 0) return YES;
    u8 k = s->tokens[i - 1].kind;
    return k == K_STOP || k == K_QUESTION || k == K_ELLIPSIS || k == K_LINE || k == K_COLON || k == K_QUOTE ||
           (k == K_SIGN && !(s->tokens[i].flags & F_GLUED));
}

static void mark_starts(side *s) {
    for (u32 i = 0; i < s->n; i++)
        if (s->tokens[i].kind == K_WORD && is_opening(s, i)) s->tokens[i].flags |= F_START;
}

#define CITED_WORDS 3

/* Flags what stands between the quotes at open and close; a word or a few are cited as they are written. */
static void mark_quotation(side *s, u32 open, u32 close) {
    u32 words = 0;
    for (u32 i = open + 1; i < close; i++) words += s->tokens[i].kind <= K_NUMBER;
    for (u32 i = open + 1; i < close; i++) s->tokens[i].flags |= words <= CITED_WORDS ? F_QUOTED | F_CITED : F_QUOTED;
}

/* A quotation ends on its line; an opening quote without an end opens none. */
static void mark_quoted(side *s) {
    u32 open = s->n;
    for (u32 i = 0; i < s->n; i++) {
        if (s->tokens[i].kind == K_LINE) open = s->n;
        if (s->tokens[i].kind != K_QUOTE) continue;
        if (open < i) mark_quotation(s, open, i), open = s->n;
        else open = i;
    }
}

/* Counts of letters and of words by their capitals, over prose. */
typedef struct {
    u32 lower, upper, words, upper_words, mixed_words, capitals, long_words, long_capitals;
    u32 small_capitals; /* words of grammar with a capital, not at a start: only titles have them */
} cases;

#define GRAMMAR (C_WH | C_TENSE | C_MODAL | C_PREPOSITION | C_CONJUNCTION | C_PRONOUN | C_ARTICLE)

static void count_case(const side *s, const token *t, cases *c) {
    u32 letters = 0, len;
    bool32 upper = (t->flags & F_UPPER) != 0, capital = (t->flags & F_CAPITAL) != 0;
    for (u32 at = 0; at < t->len; at += len) {
        u32 r = read_rune(s->text.s + t->at + at, &len);
        if (is_capital(r)) c->upper++;
        else if (is_alpha(r) || is_letter(r)) c->lower++;
        letters++;
    }
    c->words += letters >= 2, c->upper_words += upper;
    c->mixed_words += letters >= 2 && !upper, c->capitals += letters >= 2 && !upper && capital;
    c->long_words += letters >= 4, c->long_capitals += letters >= 4 && capital;
    c->small_capitals += letters >= 2 && capital && !upper && !(t->flags & F_START) && (t->class & GRAMMAR);
}

static bool32 is_title(const cases *c) {
    if (c->long_words >= 3 && c->long_capitals * 20 >= c->long_words * 17) return YES;
    return c->small_capitals && c->mixed_words >= 3 && c->capitals * 20 >= c->mixed_words * 17;
}

/* A greeting in small letters before a text in capitals does not turn its words into names, so what may be missing
 * does not count. */
void describe_case(side *s) {
    cases c = {0};
    for (u32 i = 0; i < s->n; i++) {
        const token *t = &s->tokens[i];
        if (t->kind == K_WORD && t->drop != DROP_POLITE && !(t->flags & F_EXACT)) count_case(s, t, &c);
    }
    s->all_upper = (c.lower == 0 && c.upper >= 4) || (c.upper_words >= 5 && c.upper_words * 4 >= c.words * 3);
    s->all_lower = c.upper == 0;
    s->title = is_title(&c);
}

static void describe_language(side *s) {
    for (u32 i = 0; i < s->n; i++) {
        const token *t = &s->tokens[i];
        if (t->kind != K_WORD) continue;
        s->words++;
        s->known += (t->flags & F_COMMON) != 0 || t->word != NO_WORD;
        s->english += (t->class & (C_ENGLISH | C_PLAIN_REQUEST)) != 0;
    }
    bool32 marked = s->english > 0 && s->known * 2 >= s->words && s->english * 25 >= s->words;
    s->is_english = marked || (s->words >= 3 && s->known * 4 >= s->words * 3);
}

static void describe_form(side *s) {
    s->exact_from = s->n;
    for (u32 i = 0; i < s->n; i++) {
        const token *t = &s->tokens[i];
        if (t->class & C_PAYLOAD) s->has_payload = YES;
        if (t->class & C_COMPARING) s->has_comparison = YES;
        u32 phrase = phrase_at(s, i, PHRASES(form_phrase));
        if (s->has_form || (!phrase && !(t->class & C_FORM))) continue;
        s->exact_from = i + (phrase ? phrase : 1), s->has_form = YES;
    }
}

static bool32 ends_sentence(const token *t) { return t->kind == K_STOP || t->kind == K_QUESTION || t->kind == K_LINE; }

/* Flags the sentences that speak about a word. */
static void mark_mentioned(side *s) {
    u32 start = 0;
    bool32 mention = NO, after = NO;
    for (u32 i = 0; i < s->n; i++) {
        mention |= (s->tokens[i].class & C_MENTION) != 0;
        if (after) s->tokens[i].flags |= F_MENTIONED;
        after |= (s->tokens[i].class & C_MENTION_AFTER) != 0;
        if (!ends_sentence(&s->tokens[i]) && i + 1 < s->n) continue;
        for (; start <= i; start++)
            if (mention || s->has_payload) s->tokens[start].flags |= F_MENTIONED;
        mention = after = NO;
    }
}

static bool32 has_words_from(const side *s, u32 i) {
    for (; i < s->n; i++)
        if (s->tokens[i].kind <= K_LITERAL) return YES;
    return NO;
}

/* The instruction itself stays prose: from the start of its sentence to the word that makes the form count. */
static void mark_exact(side *s) {
    u32 start = least(s->exact_from, s->n);
    if (s->exact_from >= s->n && !s->has_form) return;
    while (start && !is_opening(s, start)) start--;
    u32 end = has_words_from(s, s->exact_from) ? s->exact_from : s->n;
    for (u32 i = 0; i < s->n; i++)
        if (i < start || i >= end) s->tokens[i].flags |= F_EXACT;
}

void side_describe(side *s) {
    mark_starts(s);
    mark_quoted(s);
    describe_case(s);
    describe_language(s);
    describe_form(s);
    mark_exact(s);
    mark_mentioned(s);
}
