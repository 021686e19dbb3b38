#include "lexicon.h"
#include "tables.h"

/* Layout, as tables/lexicon.go writes it: magic, u32 size, then two sets. A set: u32 buckets, u32 bits, u32 bytes;
 * u24 bit position of every bucket and of the end; Golomb-Rice gaps of the hashes in each bucket. */
#define MAGIC_LEN 16
#define PER_BUCKET 64

typedef struct {
    u32 buckets, bits;
    const u8 *offsets, *payload;
} word_set;

static u32 read_u32(const u8 *p) { return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24; }
static u32 read_u24(const u8 *p) { return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16; }

static const u8 *open_set(const u8 *p, word_set *s) {
    s->buckets = read_u32(p), s->bits = read_u32(p + 4);
    s->offsets = p + 12;
    s->payload = s->offsets + 3 * (s->buckets + 1);
    return p + 12 + read_u32(p + 8);
}

static u64 hash(const u8 *w, u32 n) {
    u64 h = 0xcbf29ce484222325ull;
    for (u32 i = 0; i < n; i++) h = (h ^ w[i]) * 0x100000001b3ull;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93ull;
    return h ^ h >> 32;
}

/* 24 bits or more from a bit position; the sets end in four spare bytes. */
static u32 peek(const u8 *p, u32 at) { return read_u32(p + (at >> 3)) >> (at & 7); }

static u32 take_gap(const word_set *s, u32 *at) {
    u32 high = 0, ones;
    do {
        ones = (u32)__builtin_ctz(~(peek(s->payload, *at) & 0xFFFF));
        high += ones, *at += ones;
    } while (ones == 16);
    u32 low = peek(s->payload, *at + 1) & ((1u << s->bits) - 1);
    *at += 1 + s->bits;
    return high << s->bits | low;
}

static bool32 holds(const word_set *s, const u8 *w, u32 n) {
    u32 spread = PER_BUCKET << s->bits;
    u32 place = (u32)((hash(w, n) >> 32) * ((u64)s->buckets * spread) >> 32);
    u32 bucket = place / spread, want = place % spread;
    u32 at = read_u24(s->offsets + 3 * bucket), end = read_u24(s->offsets + 3 * bucket + 3);
    for (u32 next = 0; at < end;) {
        u32 value = next + take_gap(s, &at);
        if (value >= want) return value == want;
        next = value + 1;
    }
    return NO;
}

bool32 lexicon_common(const u8 *word, u32 n) {
    word_set common;
    open_set(lexicon_bytes + MAGIC_LEN + 4, &common);
    return holds(&common, word, n);
}

bool32 lexicon_listed(const u8 *word, u32 n) {
    word_set common, rare;
    open_set(open_set(lexicon_bytes + MAGIC_LEN + 4, &common), &rare);
    return holds(&common, word, n) || holds(&rare, word, n);
}
