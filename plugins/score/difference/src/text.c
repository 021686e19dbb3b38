#include "text.h"
#include "tables.h"

#define MOST_MAPS 65536

/* What a code point becomes: nothing, one other code point, or a few ASCII letters. */
typedef struct {
    u32 rune; /* 0: see letters */
    const char *letters;
} folding;

static const char *ligature(u32 r) {
    static const char *const letters[] = {"ff", "fi", "fl", "ffi", "ffl", "st", "st"};
    return r >= 0xFB00 && r <= 0xFB06 ? letters[r - 0xFB00] : 0;
}

static bool32 is_invisible(u32 r) {
    return r == 0x200B || r == 0xFEFF || r == 0xAD || r == 0x2060 || r == 0x200E || r == 0x200F || r == 0xFE0F;
}

static u32 fold_space(u32 r) {
    if (r == 0xA0 || (r >= 0x2000 && r <= 0x200A) || r == 0x202F || r == 0x205F || r == 0x3000) return ' ';
    if (r == 0x2028 || r == 0x2029 || r == 0x85) return '\n';
    return r;
}

static u32 fold_quote(u32 r) {
    if ((r >= 0x2018 && r <= 0x201B) || r == 0x2039 || r == 0x203A) return '\'';
    if ((r >= 0x201C && r <= 0x201F) || r == 0xAB || r == 0xBB) return '"';
    return r;
}

static folding fold_rune(u32 r) {
    if (r < 0x80) return (folding){r, 0};
    if (is_invisible(r)) return (folding){0, ""};
    if (r == 0x2026) return (folding){0, "..."};
    if (ligature(r)) return (folding){0, ligature(r)};
    if (r >= 0xFF01 && r <= 0xFF5E) return (folding){r - 0xFEE0, 0};
    if (r == 0x2010 || r == 0x2011 || r == 0x2212) return (folding){'-', 0};
    return (folding){fold_quote(fold_space(r)), 0};
}

static u32 compose(u32 first, u32 mark) {
    u32 lo = 0, hi = N_COMPOSE_FIRST;
    while (lo < hi) {
        u32 mid = (lo + hi) / 2;
        if (compose_first[mid] < first || (compose_first[mid] == first && compose_mark[mid] < mark)) lo = mid + 1;
        else hi = mid;
    }
    return lo < N_COMPOSE_FIRST && compose_first[lo] == first && compose_mark[lo] == mark ? compose_whole[lo] : 0;
}

static bool32 is_mark(u32 r) { return (r >= 0x300 && r <= 0x36F) || r == 0x3099 || r == 0x309A || (r >= 0x900 && r < 0xE00); }

static u32 write_rune(u8 *s, u32 r) {
    if (r < 0x80) return s[0] = (u8)r, 1;
    if (r < 0x800) return s[0] = (u8)(0xC0 | r >> 6), s[1] = (u8)(0x80 | (r & 0x3F)), 2;
    if (r < 0x10000) return s[0] = (u8)(0xE0 | r >> 12), s[1] = (u8)(0x80 | (r >> 6 & 0x3F)), s[2] = (u8)(0x80 | (r & 0x3F)), 3;
    s[0] = (u8)(0xF0 | r >> 18), s[1] = (u8)(0x80 | (r >> 12 & 0x3F));
    s[2] = (u8)(0x80 | (r >> 6 & 0x3F)), s[3] = (u8)(0x80 | (r & 0x3F));
    return 4;
}

static bool32 note_position(text *t, u32 raw_at) {
    mapped *last = &t->map[t->maps - 1];
    if (raw_at - last->raw == t->n - last->folded) return YES;
    if (last->folded == t->n) return last->raw = raw_at, YES;
    if (t->maps == MOST_MAPS) return NO;
    t->map[t->maps++] = (mapped){t->n, raw_at};
    return YES;
}

/* The last code point written, so that a mark can join it. */
typedef struct {
    u32 rune, at;
} written;

static bool32 put_rune(text *t, u32 r, u32 raw_at, written *last) {
    u32 whole = is_mark(r) && last->rune ? compose(last->rune, r) : 0;
    if (whole) {
        t->n = last->at + write_rune(t->s + last->at, whole);
        last->rune = whole;
        return YES;
    }
    if (!note_position(t, raw_at)) return NO;
    last->rune = r, last->at = t->n;
    t->n += write_rune(t->s + t->n, r);
    return YES;
}

static bool32 put_letters(text *t, const char *letters, u32 raw_at, written *last) {
    if (!*letters) return YES;
    if (!note_position(t, raw_at)) return NO;
    for (; *letters; letters++) t->s[t->n++] = (u8)*letters;
    last->rune = 0;
    return YES;
}

/* A joiner shapes letters in many scripts; between Latin letters it shows nothing. */
static bool32 is_idle_joiner(u32 r, u32 before) { return (r == 0x200C || r == 0x200D) && before < 0x250; }

static bool32 fold_at(text *t, u32 at, u32 *len, written *last) {
    u32 r = read_rune(t->raw + at, len);
    if (r == '\r') {
        if (at + 1 < t->raw_len && t->raw[at + 1] == '\n') return YES;
        r = '\n';
    }
    if (is_idle_joiner(r, last->rune)) return YES;
    folding f = fold_rune(r);
    return f.letters ? put_letters(t, f.letters, at, last) : put_rune(t, f.rune, at, last);
}

bool32 text_fold(text *t, const u8 *raw, u32 raw_len, arena *mem) {
    u32 room = least(MOST_MAPS, raw_len + 1);
    *t = (text){raw, raw_len, arena_take(mem, raw_len + 1), 0, 0, 1};
    t->map = arena_take(mem, (u32)sizeof(mapped) * room);
    if (!t->s || !t->map) return NO;
    t->map[0] = (mapped){0, 0};
    written last = {0, 0};
    for (u32 at = 0, len; at < raw_len; at += len) {
        if (!rune_length(raw + at, raw_len - at)) return NO;
        if (!fold_at(t, at, &len, &last)) return NO;
    }
    return YES;
}

u32 text_raw(const text *t, u32 folded) {
    if (folded >= t->n) return t->raw_len;
    u32 lo = 0, hi = t->maps;
    while (hi - lo > 1) {
        u32 mid = (lo + hi) / 2;
        if (t->map[mid].folded <= folded) lo = mid;
        else hi = mid;
    }
    return t->map[lo].raw + (folded - t->map[lo].folded);
}
