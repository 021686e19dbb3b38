/* Cuts a folded text into tokens: lines, then runs without spaces, then the parts of a run. */
#include "emit.h"
#include "scan.h"
#include "tables.h"

static bool32 in_word(u32 r) { return is_alpha(r) || (r >= 0x80 && is_letter(r) && !is_ideograph(r)); }

static u8 mark_kind(u32 r) {
    switch (r) {
    case '.': case '!': case 0x3002: return K_STOP;
    case '?': return K_QUESTION;
    case ',': return K_COMMA;
    case ';': return K_SEMICOLON;
    case ':': return K_COLON;
    case '"': case '\'': return K_QUOTE;
    default: return K_SIGN;
    }
}

static void emit_mark(emitter *e, u32 at, u32 len) {
    u32 step, r = read_rune(e->s->text.s + at, &step);
    emit(e, mark_kind(r), at, len);
}

/* One mark out of several: ?! asks, !! and . stop, ... leaves open. */
static u32 emit_end_marks(emitter *e, u32 at, u32 end) {
    const u8 *s = e->s->text.s;
    u32 n = 0, dots = 0;
    u8 kind = K_STOP;
    for (; at + n < end && is_one_of(s[at + n], ".!?"); n++) {
        dots += s[at + n] == '.';
        if (s[at + n] == '?') kind = K_QUESTION;
    }
    emit(e, dots == n && n > 1 ? K_ELLIPSIS : kind, at, n);
    return n;
}

static void emit_marks(emitter *e, u32 at, u32 end) {
    const u8 *s = e->s->text.s;
    for (u32 len; at < end && !e->full; at += len) {
        read_rune(s + at, &len);
        if (is_one_of(s[at], ".!?")) len = emit_end_marks(e, at, end);
        else emit_mark(e, at, len);
    }
}

/* A word inside a run: letters with apostrophes between them. */
static u32 word_end(const u8 *s, u32 at, u32 end) {
    while (at < end) {
        u32 len, r = read_rune(s + at, &len);
        bool32 inner = r == '\'' && at + 1 < end && is_alpha(s[at + 1]);
        if (!in_word(r) && !inner) break;
        at += len;
    }
    return at;
}

static u32 number_end(const u8 *s, u32 at, u32 end) {
    while (at < end && (is_digit(s[at]) || (is_one_of(s[at], ".,") && at + 1 < end && is_digit(s[at + 1])))) at++;
    return at;
}

/* A sign between or beside the words and numbers of a run that does not make the run code. */
static bool32 is_joint(const u8 *s, u32 at, u32 begin, u32 end) {
    bool32 first = at == begin, last = at + 1 == end;
    u8 c = s[at];
    if (c == '-') return !last && (!first || is_digit(s[at + 1]));
    if (c == '$') return !last && is_digit(s[at + 1]);
    if (c == '%') return last && !first && is_digit(s[at - 1]);
    if (c == ':') return !first && !last && is_digit(s[at - 1]) && is_digit(s[at + 1]);
    if (c == '\'') return !first && !last && is_digit(s[at - 1]);
    if (c == '/' || c == '&') return !first && !last;
    return NO;
}

static bool32 is_money_or_degree(u32 r) { return r == 0xA3 || r == 0x20AC || r == 0xA5 || r == 0xB0; }

/* The end of the next part of a run, or at itself if the run is no mix of words and numbers. */
static u32 part_end(const u8 *s, u32 at, u32 begin, u32 end) {
    u32 len, r = read_rune(s + at, &len);
    if (in_word(r)) return word_end(s, at, end);
    if (is_digit(r)) return number_end(s, at, end);
    if (is_ideograph(r) || is_money_or_degree(r)) return at + len;
    return is_joint(s, at, begin, end) ? at + 1 : at;
}

static bool32 is_mix(const u8 *s, u32 begin, u32 end) {
    u32 slashes = 0;
    bool32 letters = NO;
    for (u32 at = begin; at < end;) {
        u32 next = part_end(s, at, begin, end);
        if (next == at) return NO;
        slashes += s[at] == '/';
        letters |= is_alpha(s[at]);
        at = next;
    }
    return slashes < 2 || !letters;
}

static void emit_part(emitter *e, u32 at, u32 next) {
    const u8 *s = e->s->text.s;
    u32 len, r = read_rune(s + at, &len);
    if (is_digit(r)) emit_number(e, at, next - at);
    else if (in_word(r)) emit_word(e, at, next - at);
    else if (is_ideograph(r)) emit(e, K_WORD, at, next - at);
    else if (r == '%') emit_word(e, at, next - at);
    else emit_mark(e, at, next - at);
}

static bool32 has_ideograph(const u8 *s, u32 at, u32 end) {
    for (u32 len; at < end; at += len)
        if (is_ideograph(read_rune(s + at, &len))) return YES;
    return NO;
}

/* Chinese and Japanese: no spaces, so marks stand inside the run. */
static void emit_ideographs(emitter *e, u32 begin, u32 end) {
    for (u32 at = begin; at < end;) {
        u32 len, next = part_end(e->s->text.s, at, begin, end);
        read_rune(e->s->text.s + at, &len);
        if (next > at) emit_part(e, at, next);
        else next = at + len, emit_mark(e, at, len);
        at = next;
    }
}

static bool32 is_listed_word(const u8 *s, u32 n) { return !is_digit(s[0]) && n < 24 && word_find(s, n).id != NO_WORD; }

/* Most runs are one word of ASCII letters. */
static bool32 is_simple(const u8 *s, u32 n) {
    for (u32 i = 0; i < n; i++)
        if (!is_alpha(s[i])) return NO;
    return YES;
}

static void emit_core(emitter *e, u32 begin, u32 end) {
    const u8 *s = e->s->text.s;
    if (begin == end) return;
    if (is_simple(s + begin, end - begin)) return emit_word(e, begin, end - begin);
    if (emit_symbol_name(e, begin, end - begin)) return;
    if (is_dotted(s + begin, end - begin) || is_listed_word(s + begin, end - begin)) return emit_word(e, begin, end - begin);
    if (has_ideograph(s, begin, end)) return emit_ideographs(e, begin, end);
    if (!is_mix(s, begin, end)) return emit(e, K_LITERAL, begin, end - begin);
    for (u32 at = begin, next; at < end; at = next) {
        next = part_end(s, at, begin, end);
        emit_part(e, at, next);
    }
}

static u32 count_byte(const u8 *s, u32 at, u32 end, u8 c) {
    u32 n = 0;
    for (; at < end; at++) n += s[at] == c;
    return n;
}

static bool32 is_unbalanced(const u8 *s, u32 at, u32 end, u8 open, u8 close) {
    return count_byte(s, at, end, open) != count_byte(s, at, end, close);
}

/* The end of the opening marks of a run: quotes, brackets that do not close in it, upside-down marks. */
static u32 prefix_end(const u8 *s, u32 at, u32 end) {
    u32 last = end;
    while (last > at && is_one_of(s[last - 1], ".,;:!?\"'")) last--;
    for (; at + 1 < end; at++) {
        if (is_one_of(s[at], "\"'")) continue;
        if (s[at] == '(' && (is_unbalanced(s, at, end, '(', ')') || s[last - 1] == ')')) continue;
        if (s[at] == '[' && (is_unbalanced(s, at, end, '[', ']') || s[last - 1] == ']')) continue;
        break;
    }
    return at;
}

static u32 suffix_start(const u8 *s, u32 at, u32 end) {
    for (; end > at; end--) {
        u8 c = s[end - 1];
        if (is_one_of(c, ".,;:!?\"'")) continue;
        if (c == ')' && is_unbalanced(s, at, end, '(', ')')) continue;
        if (c == ']' && is_unbalanced(s, at, end, '[', ']')) continue;
        break;
    }
    return end;
}

/* The dot of "etc." and "U.S." belongs to the word. */
static u32 skip_dot(emitter *e, u32 core, u32 end) {
    const token *t = &e->s->tokens[e->s->n - 1];
    bool32 one = end > core && e->s->text.s[core] == '.' && (end == core + 1 || e->s->text.s[core + 1] != '.');
    return one && e->s->n && (t->flags & F_DOTTED || t->class & C_DOTTED) ? core + 1 : core;
}

static bool32 only_marks(const u8 *s, u32 at, u32 end) {
    for (; at < end; at++)
        if (!is_one_of(s[at], ".,;:!?")) return NO;
    return YES;
}

/* After a number, a single letter or code "!" is a sign: 5!, n!. After code "?" is one too unless letters precede. */
static bool32 is_factorial(const emitter *e, u32 core_len) {
    const token *t = &e->s->tokens[e->s->n - 1], *before = e->s->n > 1 ? t - 1 : t;
    bool32 year = t->kind == K_NUMBER && t->len == 4 && !(t->flags & F_GLUED) && before->kind == K_WORD && (before->class & (C_PREPOSITION | C_DATE));
    bool32 label = t->kind == K_WORD && before->kind == K_WORD && (before->class & C_LABELLED);
    if (year || label) return NO;
    return t->kind == K_NUMBER || t->kind == K_LITERAL || core_len == 1;
}

static void emit_suffix(emitter *e, u32 at, u32 end, u32 core_len) {
    const u8 *s = e->s->text.s;
    u32 bangs = 0;
    while (e->s->n && at + bangs < end && s[at + bangs] == '!' && is_factorial(e, core_len)) bangs++;
    if (bangs) emit(e, K_SIGN, at, bangs), at += bangs;
    emit_marks(e, at, end);
}

/* Code at the very end of a text, closed, and then the mark of the sentence around it. */
static u32 code_end(const text *t, u32 at, u32 end) {
    u32 last = end, tail = end;
    while (tail < t->n && (is_blank(t->s[tail]) || t->s[tail] == '\n')) tail++;
    if (tail < t->n) return end;
    while (last > at && is_one_of(t->s[last - 1], ".!?")) last--;
    return last == at || is_one_of(t->s[last - 1], "})];`\"") ? last : end;
}

static void emit_code(emitter *e, u32 at, u32 end) {
    u32 last = code_end(&e->s->text, at, end);
    if (last > at) emit(e, K_LITERAL, at, last - at);
    e->exact = NO;
    emit_marks(e, last, end);
}

static void emit_run(emitter *e, u32 at, u32 end) {
    const u8 *s = e->s->text.s;
    if (e->exact) return emit_code(e, at, end);
    if (only_marks(s, at, end)) return emit_marks(e, at, end);
    if (end - at == 1) return emit_core(e, at, end);
    if (!has_letter_or_digit(s + at, end - at)) return emit(e, K_LITERAL, at, end - at);
    u32 first = prefix_end(s, at, end), last = suffix_start(s, first, end);
    if (last == first || !has_letter_or_digit(s + first, last - first)) return emit(e, K_LITERAL, at, end - at);
    emit_marks(e, at, first);
    e->glued = NO;
    emit_core(e, first, last);
    u32 core_len = last - first;
    if (!e->full) last = skip_dot(e, last, end);
    if (!e->full) emit_suffix(e, last, end, core_len);
}

/* What the tokeniser knows across lines. */
typedef struct {
    bool32 fenced, ticked, code; /* inside a fence, inside backticks, in code lines */
} layout;

/* White space as a small number; equal spaces give equal numbers, 0 is none. */
static u8 gap_of(const u8 *s, u32 at, u32 end) {
    u32 h = 7;
    if (at == end) return 0;
    for (; at < end; at++) h = h * 31 + s[at];
    return (u8)(h % 255 + 1);
}

static bool32 has_odd_ticks(const u8 *s, u32 at, u32 end) { return count_byte(s, at, end, '`') & 1; }

static void read_runs(emitter *e, layout *l, u32 at, u32 end) {
    const u8 *s = e->s->text.s;
    while (at < end && !e->full) {
        u32 start = at;
        while (at < end && is_blank(s[at])) at++;
        e->gap = gap_of(s, start, at), e->glued = NO;
        start = at;
        while (at < end && !is_blank(s[at])) at++;
        if (start == at) return;
        bool32 ticks = count_byte(s, start, at, '`') > 0;
        e->exact = l->fenced || l->code || l->ticked || ticks;
        emit_run(e, start, at);
        if (ticks && has_odd_ticks(s, start, at)) l->ticked = !l->ticked;
    }
}

static void read_line(emitter *e, layout *l, u32 at, u32 end) {
    const u8 *s = e->s->text.s + at;
    bool32 fence = is_fence(s, end - at);
    bool32 indented = end - at > 2 && is_blank(s[0]) && is_blank(s[1]);
    l->code = fence || (!l->fenced && (is_code_line(s, end - at) || (l->code && indented)));
    e->s->has_code |= l->code || l->fenced;
    u32 words = l->code && !indented && !fence ? code_start(s, end - at) : 0;
    if (words) {
        l->code = NO;
        read_runs(e, l, at, at + words);
        l->code = YES;
    }
    read_runs(e, l, at + words, end);
    if (fence) l->fenced = !l->fenced;
}

static void emit_line_break(emitter *e, u32 at) {
    e->glued = NO, e->exact = NO, e->gap = 0;
    if (e->s->n && e->s->tokens[e->s->n - 1].kind != K_LINE) emit(e, K_LINE, at, 1);
}

static void read_lines(emitter *e) {
    const text *t = &e->s->text;
    layout l = {NO, NO, NO};
    for (u32 at = 0; at < t->n && !e->full;) {
        u32 end = at;
        while (end < t->n && t->s[end] != '\n') end++;
        if (at > 0) emit_line_break(e, at - 1);
        read_line(e, &l, at, end);
        at = end + 1;
    }
    while (e->s->n && e->s->tokens[e->s->n - 1].kind == K_LINE) e->s->n--;
}

bool32 side_read(side *s, const u8 *raw, u32 raw_len, arena *mem) {
    *s = (side){0};
    if (!text_fold(&s->text, raw, raw_len, mem)) return NO;
    emitter e = {.s = s, .room = least(MOST_TOKENS, 3 * s->text.n + 3)};
    s->tokens = arena_take(mem, e.room * (u32)sizeof(token));
    if (!s->tokens) return NO;
    read_lines(&e);
    if (e.full) return NO;
    side_describe(s);
    return YES;
}
