#include "guard.h"
#include "compare.h"

/* Longer texts have more tokens than fit. */
#define LONGEST_TEXT (384u << 10)

void guard_read(guarded *g, const u8 *raw, u32 raw_len, arena *mem) {
    g->raw = raw, g->raw_len = raw_len;
    g->readable = raw_len <= LONGEST_TEXT && side_read(&g->s, raw, raw_len, mem);
}

static bool32 is_space(u8 c) { return is_blank(c) || c == '\n' || c == '\r'; }

/* Too long to be cut into tokens, or no UTF-8: the same bytes but for the space around them. */
static bool32 same_trimmed(const guarded *a, const guarded *b) {
    const u8 *x = a->raw, *y = b->raw;
    u32 n = a->raw_len, m = b->raw_len;
    while (n && is_space(x[n - 1])) n--;
    while (m && is_space(y[m - 1])) m--;
    while (n && is_space(x[0])) x++, n--;
    while (m && is_space(y[0])) y++, m--;
    return n == m && same_bytes(x, y, n);
}

bool32 guard_agrees(guarded *a, guarded *b) {
    if (!a->readable || !b->readable) return same_trimmed(a, b);
    return sides_agree(&a->s, &b->s);
}
