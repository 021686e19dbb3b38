#include "text.h"
#include "tables.h"

u32 rune_length(const u8 *s, u32 n) {
    u8 c = s[0];
    u32 len = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
    if (len == 0 || len > n) return 0;
    for (u32 i = 1; i < len; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    if (c == 0xE0 && s[1] < 0xA0) return 0; /* overlong */
    if (c == 0xED && s[1] > 0x9F) return 0; /* surrogates */
    if (c == 0xF0 && s[1] < 0x90) return 0;
    if (c == 0xF4 && s[1] > 0x8F) return 0;
    return len;
}

u32 read_rune(const u8 *s, u32 *len) {
    u8 c = s[0];
    if (c < 0x80) return *len = 1, c;
    if (c < 0xE0) return *len = 2, (c & 0x1Fu) << 6 | (s[1] & 0x3Fu);
    if (c < 0xF0) return *len = 3, (c & 0x0Fu) << 12 | (s[1] & 0x3Fu) << 6 | (s[2] & 0x3Fu);
    return *len = 4, (c & 7u) << 18 | (s[1] & 0x3Fu) << 12 | (s[2] & 0x3Fu) << 6 | (s[3] & 0x3Fu);
}

static bool32 is_near_letter(u32 rune) {
    u32 lo = 0, hi = N_LETTER_RANGES / 2;
    while (lo < hi) {
        u32 mid = (lo + hi) / 2;
        if (letter_ranges[2 * mid + 1] < rune) lo = mid + 1;
        else hi = mid;
    }
    return lo < N_LETTER_RANGES / 2 && letter_ranges[2 * lo] <= rune;
}

/* Beyond the first plane letters are rare, and ideographs come last. */
static bool32 is_far_letter(u32 rune) {
    for (u32 i = 0; i < N_FAR_LETTER_RANGES; i += 2)
        if (far_letter_ranges[i] <= rune && rune <= far_letter_ranges[i + 1]) return YES;
    return NO;
}

bool32 is_letter(u32 rune) { return rune < 0x10000 ? is_near_letter(rune) : is_far_letter(rune); }

bool32 is_ideograph(u32 r) {
    return (r >= 0x3041 && r <= 0x30FF) || (r >= 0x3400 && r <= 0x9FFF) || (r >= 0xF900 && r <= 0xFAFF) ||
           (r >= 0x20000 && r <= 0x3FFFF) || (r >= 0x0E01 && r <= 0x0E4E) || r == 0x3005;
}

/* In these blocks capitals and small letters alternate, the capital on the even or on the odd number. */
static bool32 is_even_pair(u32 r) {
    return (r >= 0x100 && r <= 0x12F) || (r >= 0x132 && r <= 0x137) || (r >= 0x14A && r <= 0x177) ||
           (r >= 0x460 && r <= 0x481) || (r >= 0x48A && r <= 0x4BF) || (r >= 0x4D0 && r <= 0x52F) ||
           (r >= 0x1E00 && r <= 0x1E95) || (r >= 0x1EA0 && r <= 0x1EFF);
}

static bool32 is_odd_pair(u32 r) {
    return (r >= 0x139 && r <= 0x148) || (r >= 0x179 && r <= 0x17E);
}

u32 lower(u32 r) {
    if (r < 0x80) return is_upper(r) ? r + 32 : r;
    if (r >= 0xC0 && r <= 0xDE && r != 0xD7) return r + 32;
    if (is_even_pair(r)) return r | 1;
    if (is_odd_pair(r)) return (r & 1) ? r + 1 : r;
    if (r >= 0x391 && r <= 0x3A9) return r + 32;
    if (r >= 0x410 && r <= 0x42F) return r + 32;
    if (r >= 0x400 && r <= 0x40F) return r + 80;
    return r;
}

bool32 is_capital(u32 r) { return lower(r) != r; }
