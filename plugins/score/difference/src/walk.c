#include "compare.h"
#include "tables.h"

static void mark_both(side *a, side *b, bool32 lax) {
    if (a->lax != lax || !a->marked) side_mark(a, lax);
    if (b->lax != lax || !b->marked) side_mark(b, lax);
}

/* The rules of English hold when both texts are English and neither is made of courtesy alone. */
void walk_start(walk *w, side *a, side *b) {
    mark_both(a, b, a->is_english && b->is_english);
    if (a->lax && (a->content == 0 || b->content == 0)) mark_both(a, b, NO);
    *w = (walk){a, b, 0, 0, 0};
}

static void skip_dropped(walk *w) {
    while (w->i < w->a->n && w->a->tokens[w->i].drop) w->i++;
    while (w->j < w->b->n && w->b->tokens[w->j].drop) w->j++;
}

static bool32 is_small(const token *t) {
    return (t->class & (C_ARTICLE | C_STRESS)) || t->word == W_SOME || t->kind == K_COMMA || t->kind == K_LINE;
}

/* The surroundings decide whether a small token may be missing, and they may do so on one side only. Where both
 * texts have it, that is no difference: kept at s, i, it stands among the last dropped before other, k. */
static bool32 was_dropped(const side *s, u32 i, const side *other, u32 k) {
    if (i >= s->n || !is_small(&s->tokens[i]) || (s->tokens[i].flags & F_EXACT)) return NO;
    const token *t = &s->tokens[i];
    for (u32 steps = 0; k-- > 0 && other->tokens[k].drop && steps < 4; steps++)
        if (other->tokens[k].kind == t->kind && other->tokens[k].word == t->word) return YES;
    return NO;
}

bool32 walk_skip(walk *w) {
    for (;;) {
        skip_dropped(w);
        if (was_dropped(w->a, w->i, w->b, w->j)) w->i++;
        else if (was_dropped(w->b, w->j, w->a, w->i)) w->j++;
        else return w->i < w->a->n || w->j < w->b->n;
    }
}

enum match walk_step(walk *w) {
    if (w->i >= w->a->n || w->j >= w->b->n) return M_DIFFERENT;
    enum match m = compare_tokens((place){w->a, w->i}, (place){w->b, w->j}, w->slips);
    if (m == M_DIFFERENT) return m;
    w->slips += m == M_SLIP;
    w->i++, w->j++;
    return m;
}

/* The first word of the last sentence. */
static const token *last_opening(const side *s) {
    u32 end = s->n;
    const token *t = 0;
    while (end && s->tokens[end - 1].drop) end--;
    while (end && s->tokens[end - 1].kind != K_STOP && s->tokens[end - 1].kind != K_QUESTION && s->tokens[end - 1].kind != K_LINE && s->tokens[end - 1].kind != K_COLON) {
        end--;
        if (s->tokens[end].kind == K_WORD && !s->tokens[end].drop) t = &s->tokens[end];
    }
    return t;
}

/* "Who is he." is a question all the same; "He is ill." and "He is ill?" are two things. */
bool32 moods_differ(const walk *w) {
    u8 x = w->a->last_mark, y = w->b->last_mark;
    if (!x || !y || x == y) return NO;
    const token *t = w->a->lax ? last_opening(w->a) : 0;
    return !t || !(t->class & (C_WH | C_TENSE | C_MODAL | C_REQUEST));
}

bool32 sides_agree(side *a, side *b) {
    walk w;
    walk_start(&w, a, b);
    while (walk_skip(&w))
        if (walk_step(&w) == M_DIFFERENT) return NO;
    return !moods_differ(&w);
}
