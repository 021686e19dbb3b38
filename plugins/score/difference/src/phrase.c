#include "phrase.h"

static bool32 matches(const side *s, u32 i, const u16 *ids, u32 count) {
    if (count > s->n - i) return NO;
    for (u32 k = 0; k < count; k++)
        if (s->tokens[i + k].kind != K_WORD || s->tokens[i + k].word != ids[k]) return NO;
    return YES;
}

u32 phrase_at(const side *s, u32 i, const u16 *phrases, u32 n) {
    if (s->tokens[i].word == NO_WORD) return 0;
    for (u32 p = 0; p < n; p += phrases[p] + 1)
        if (phrases[p + 1] == s->tokens[i].word && matches(s, i, phrases + p + 1, phrases[p])) return phrases[p];
    return 0;
}

u32 phrase_before(const side *s, u32 end, const u16 *phrases, u32 n) {
    if (end == 0 || s->tokens[end - 1].word == NO_WORD) return 0;
    for (u32 p = 0; p < n; p += phrases[p] + 1)
        if (phrases[p] <= end && matches(s, end - phrases[p], phrases + p + 1, phrases[p])) return phrases[p];
    return 0;
}
