/* Greetings, openers, wrappers and thanks: what people say around a request. */
#include "phrase.h"
#include "tables.h"
#include "token.h"

static bool32 is_pause(const token *t) {
    return t->kind == K_COMMA || t->kind == K_STOP || t->kind == K_ELLIPSIS || t->kind == K_LINE || t->kind == K_COLON ||
           t->kind == K_QUESTION || t->kind == K_SEMICOLON;
}

static bool32 is_dash(const side *s, const token *t) {
    u32 len;
    if (t->kind != K_SIGN && t->kind != K_LITERAL) return NO;
    u32 r = read_rune(s->text.s + t->at, &len);
    return len == t->len && (r == '-' || r == 0x2013 || r == 0x2014);
}

static bool32 is_fixed(const token *t) { return (t->flags & (F_EXACT | F_QUOTED)) != 0; }

static void drop_range(side *s, u32 from, u32 to) {
    for (; from < to; from++) s->tokens[from].drop = DROP_POLITE;
}

/* The end of the marks from i on. */
static u32 after_pauses(const side *s, u32 i) {
    while (i < s->n && (is_pause(&s->tokens[i]) || is_dash(s, &s->tokens[i])) && !is_fixed(&s->tokens[i])) i++;
    return i;
}

static bool32 opens_request(const side *s, u32 i) {
    return s->tokens[i].kind == K_WORD && (s->tokens[i].class & (C_WH | C_REQUEST | C_TENSE | C_MODAL) || s->tokens[i].word == W_PLEASE);
}

static bool32 is_first_person(const token *t) { return t->kind == K_WORD && (t->class & C_FIRST_PERSON); }

/* hello world needs a mark between to be a greeting; hello what needs none. */
static u32 greeting_end(const side *s, u32 i) {
    u32 len = phrase_at(s, i, PHRASES(greeting));
    if (!len || i + len >= s->n) return i;
    u32 end = after_pauses(s, i + len);
    if (end >= s->n) return i;
    return end > i + len || opens_request(s, end) || is_first_person(&s->tokens[end]) ? end : i;
}

static u32 opener_end(const side *s, u32 i) {
    u32 len = phrase_at(s, i, PHRASES(opener));
    if (!len || i + len >= s->n) return i;
    u32 end = after_pauses(s, i + len);
    return end > i + len && end < s->n ? end : i;
}

static void drop_openers(side *s) {
    for (u32 i = 0; i < s->n && !is_fixed(&s->tokens[i]);) {
        u32 end = greeting_end(s, i);
        if (end == i) end = opener_end(s, i);
        if (end == i) return;
        drop_range(s, i, end);
        s->tokens[end].flags |= F_START;
        i = end;
    }
}

/* "Can you" alone asks about ability as well; with please, or before a verb that only a writer can follow, it does not. */
static bool32 is_request_after(const side *s, u32 i, u32 len) {
    const token *t = &s->tokens[i + len];
    if (is_fixed(t) || !(t->class & C_REQUEST)) return NO;
    bool32 ability = len == 2 && s->tokens[i + 1].word == W_YOU;
    return !ability || (t->class & C_PLAIN_REQUEST);
}

static void forgive_question(side *s, u32 i) {
    for (; i < s->n && s->tokens[i].kind != K_STOP && s->tokens[i].kind != K_LINE; i++)
        if (s->tokens[i].kind == K_QUESTION) {
            s->tokens[i].flags |= F_ASKED;
            return;
        }
}

static bool32 begins_sentence(const side *s, u32 i) {
    if (i == 0 || s->tokens[i - 1].drop == DROP_POLITE) return YES;
    u8 before = s->tokens[i - 1].kind;
    return before == K_STOP || before == K_QUESTION || before == K_LINE;
}

/* The end of what asks for the answer to a question, i if it does not. */
static u32 asker_end(const side *s, u32 i) {
    u32 len = phrase_at(s, i, PHRASES(asker));
    if (!len || i + len >= s->n || is_fixed(&s->tokens[i])) return i;
    u32 end = after_pauses(s, i + len);
    return end < s->n && s->tokens[end].kind == K_WORD && (s->tokens[end].class & C_WH) && !is_fixed(&s->tokens[end]) ? end : i;
}

static void drop_wrapper(side *s, u32 i) {
    u32 asked = asker_end(s, i);
    if (asked > i) {
        drop_range(s, i, asked);
        s->tokens[asked].flags |= F_START;
        return;
    }
    u32 len = phrase_at(s, i, PHRASES(wrapper));
    if (!len || i + len >= s->n || is_fixed(&s->tokens[i])) return;
    u32 end = after_pauses(s, i + len);
    if (end >= s->n || !is_request_after(s, i, end - i)) return;
    drop_range(s, i, end);
    s->tokens[end].flags |= F_START;
    forgive_question(s, end);
}

static void drop_wrappers(side *s) {
    for (u32 i = 0; i < s->n; i++)
        if (s->tokens[i].drop == KEPT && s->tokens[i].kind == K_WORD && begins_sentence(s, i)) drop_wrapper(s, i);
}

/* Please in the middle: before a verb of request or a question, or after a comma at the end of a clause. */
static void drop_please(side *s, u32 i) {
    token *t = &s->tokens[i];
    if (is_fixed(t) || t->drop || i + 1 >= s->n) return;
    const token *after = t + 1;
    if (after->class & C_PLEASED_OBJECT) return;
    bool32 led = i == 0 || t[-1].kind != K_WORD || t[-1].word == W_YOU || t[-1].drop;
    u32 next = after_pauses(s, i + 1);
    if (led && next < s->n && next <= i + 2 && opens_request(s, next)) drop_range(s, i, next);
    if (i > 0 && t[-1].kind == K_COMMA && is_pause(after)) t->drop = t[-1].drop = DROP_POLITE;
}

static u32 last_kept(const side *s) {
    u32 end = s->n;
    while (end && s->tokens[end - 1].drop) end--;
    return end;
}

#define BINDS (C_SAY | C_PREPOSITION | C_CONJUNCTION | C_ARTICLE | C_NEGATION | C_WH | C_TENSE | C_PRONOUN | C_QUANTITY | C_MODAL)

/* A letter of thanks, a wish to please: these words want another one after them. Come out, turn on: there the preposition
 * ends the clause. Where does it come from please, how many does he have please: "please" is no noun. */
static bool32 leads_up(const token *t, bool32 please) {
    u64 binds = BINDS;
    if (t->class & C_OPPOSITE) binds &= ~(u64)C_PREPOSITION;
    if (please && t->word != W_TO && t->word != W_AS) binds &= ~(u64)C_PREPOSITION;
    if (please && (t->class & C_HAVE_OR_BE)) binds &= ~(u64)C_TENSE;
    return (t->class & binds) != 0;
}

/* Without a mark before it: only thanks and please, after a sentence of some length that does not lead up to them. */
static bool32 may_be_bare(const side *s, u32 at) {
    const token *first = &s->tokens[at], *before = first - 1;
    if (first->word != W_THANKS && first->word != W_THANK && first->word != W_PLEASE) return NO;
    if (at < 3 || before->kind == K_QUOTE || s->has_payload) return NO;
    return before->kind != K_WORD || (before->flags & F_QUOTED) || !leads_up(before, first->word == W_PLEASE);
}

static bool32 has_payload(const side *s, u32 end) {
    for (u32 i = 0; i < end; i++)
        if (s->tokens[i].drop == KEPT && (s->tokens[i].kind == K_COLON || s->tokens[i].kind == K_QUOTE || s->tokens[i].kind == K_LINE)) return YES;
    return NO;
}

/* Drops one closing phrase. NO when there is none left. */
static bool32 drop_closing(side *s) {
    u32 end = last_kept(s), len = phrase_before(s, end, PHRASES(closing));
    u32 at = end - len;
    if (!len || at < 2 || is_fixed(&s->tokens[at])) return NO;
    const token *before = &s->tokens[at - 1];
    bool32 marked = is_pause(before) && before->kind != K_COLON && !is_fixed(before);
    if (!marked && !may_be_bare(s, at)) return NO;
    if (marked && before->kind == K_COMMA && at >= 2 && (s->tokens[at - 2].class & C_SAY)) return NO;
    if (s->has_payload && has_payload(s, at)) return NO;
    drop_range(s, at, end);
    while (marked && before->kind == K_COMMA && !before->drop) s->tokens[at - 1].drop = DROP_POLITE;
    return YES;
}

void mark_politeness(side *s) {
    drop_openers(s);
    drop_wrappers(s);
    for (u32 i = 0; i < s->n; i++)
        if (s->tokens[i].word == W_PLEASE) drop_please(s, i);
    for (u32 tries = 0; tries < 4 && drop_closing(s); tries++) mark_last_marks(s);
}
