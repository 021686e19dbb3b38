#include "words.h"
#include "tables.h"

static int order(const u8 *a, u32 an, const u8 *b, u32 bn) {
    u32 n = least(an, bn);
    for (u32 i = 0; i < n; i++)
        if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    return an < bn ? -1 : an > bn;
}

const u8 *word_letters(u16 id, u32 *n) {
    *n = (u32)(word_offset[id + 1] - word_offset[id]);
    return word_pool + word_offset[id];
}

static u16 canon_of(u16 id) {
    u32 lo = 0, hi = N_WORD_CANON / 2;
    while (lo < hi) {
        u32 mid = (lo + hi) / 2;
        if (word_canon[2 * mid] < id) lo = mid + 1;
        else hi = mid;
    }
    return lo < N_WORD_CANON / 2 && word_canon[2 * lo] == id ? word_canon[2 * lo + 1] : id;
}

u64 word_class(u16 id) { return kind_class[word_kind[id]]; }

static word_entry entry_of(u16 own) {
    u16 id = canon_of(own);
    return (word_entry){id, own, word_class(own) | word_class(id)};
}

word_entry word_find(const u8 *word, u32 n) {
    u32 lo = 0, hi = WORDS;
    while (lo < hi) {
        u32 mid = (lo + hi) / 2, len;
        const u8 *letters = word_letters((u16)mid, &len);
        int o = order(word, n, letters, len);
        if (o == 0) return entry_of((u16)mid);
        if (o < 0) hi = mid;
        else lo = mid + 1;
    }
    return (word_entry){NO_WORD, NO_WORD, 0};
}

u32 word_expansion(u16 own, const u16 **ids) {
    u32 lo = 0, hi = N_EXPANSIONS / 5;
    while (lo < hi) {
        u32 mid = (lo + hi) / 2;
        if (expansions[5 * mid] < own) lo = mid + 1;
        else hi = mid;
    }
    if (lo == N_EXPANSIONS / 5 || expansions[5 * lo] != own) return 0;
    return *ids = expansions + 5 * lo + 2, expansions[5 * lo + 1];
}

static u8 small(u8 c) { return is_upper(c) ? c + 32 : c; }

static bool32 same_but_case(const u8 *a, const u8 *b, u32 n) {
    for (u32 i = 0; i < n; i++)
        if (small(a[i]) != small(b[i])) return NO;
    return YES;
}

u32 unit_signs_like(const u8 *s, u32 n) {
    u32 found = 0;
    for (u32 at = 0, len; at < N_UNIT_SIGNS; at += len + 1) {
        len = length_of((const char *)unit_signs + at);
        found += len == n && same_but_case(unit_signs + at, s, n);
    }
    return found;
}

bool32 is_unit_sign(const u8 *s, u32 n) {
    for (u32 at = 0, len; at < N_UNIT_SIGNS; at += len + 1) {
        len = length_of((const char *)unit_signs + at);
        if (len == n && same_bytes(unit_signs + at, s, n)) return YES;
    }
    return NO;
}
