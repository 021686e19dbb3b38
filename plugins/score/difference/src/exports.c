/* The contract with the host. Every result stays valid until the next call. */
#include "guard.h"
#include "json.h"

#define EXPORT(name) __attribute__((export_name(#name)))
#define PAGE 65536u
#define FAILED (1ull << 63)

enum failure { BAD_FRAME = 1, NO_MEMORY = 2 };

extern u8 __heap_base;

/* Input first, then what a call works with. Everything is given back at the next kvasir_alloc. */
static arena memory;

static bool32 grow_to(u32 end) {
    u32 have = (u32)__builtin_wasm_memory_size(0) * PAGE;
    if (end <= have) return YES;
    return __builtin_wasm_memory_grow(0, (end - have + PAGE - 1) / PAGE) != (unsigned long)-1;
}

static u32 heap(void) { return ((u32)&__heap_base + 7) & ~7u; }

EXPORT(kvasir_abi_version) u32 kvasir_abi_version(void) { return 1u << 16; }

EXPORT(kvasir_alloc) u32 kvasir_alloc(u32 n) {
    if (n > 1u << 29 || !grow_to(heap() + n)) return 0;
    return heap();
}

static u64 result(const void *p, u32 n) { return n ? (u64)(u32)p << 32 | n : 0; }

EXPORT(kvasir_init) u64 kvasir_init(u32 at, u32 len) {
    static const char manifest[] = "{\"name\":\"difference\",\"version\":\"1.0.0\",\"roles\":[\"score\"]}";
    (void)at, (void)len;
    return result(manifest, sizeof manifest - 1);
}

/* A score frame: u32 n, u32 flags, u32 qlen, u32 len[n], then the texts. */
typedef struct {
    const u8 *data;
    u32 n, size;
} frame;

static u32 read_u32(const u8 *p) { return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24; }
static u32 text_len(const frame *f, u32 i) { return read_u32(f->data + 8 + 4 * i); } /* 0 is the query */

#define MOST_CANDIDATES 512

static bool32 frame_open(frame *f, u32 at, u32 len) {
    *f = (frame){(const u8 *)at, 0, len};
    if (len < 12) return NO;
    f->n = read_u32(f->data);
    if (f->n > MOST_CANDIDATES || read_u32(f->data + 4) != 0 || len < 12 + 4 * f->n) return NO;
    u64 total = 12 + 4 * f->n;
    for (u32 i = 0; i <= f->n; i++) total += text_len(f, i);
    return total == len;
}

/* Room for two texts and the results: per byte a folded byte, a map entry and up to three tokens, all capped. */
static u32 work_size(u32 longest) {
    u64 n = (u64)longest + 16;
    u64 tokens = 3 * n < MOST_TOKENS ? 3 * n : MOST_TOKENS, maps = n < 65536 ? n : 65536;
    return (u32)(2 * (n + 8 * maps + sizeof(token) * tokens) + REPORT_BYTES + 4 * MOST_CANDIDATES + 4096);
}

static bool32 prepare(const frame *f) {
    u32 longest = 0, start = (heap() + f->size + 7) & ~7u;
    for (u32 i = 0; i <= f->n; i++) longest = text_len(f, i) > longest ? text_len(f, i) : longest;
    memory = (arena){(u8 *)start, 0, work_size(longest)};
    return grow_to(start + memory.size);
}

static u64 score_all(const frame *f) {
    float *scores = arena_take(&memory, 4 * f->n);
    const u8 *text = f->data + 12 + 4 * f->n;
    guarded query, candidate;
    guard_read(&query, text, text_len(f, 0), &memory);
    text += text_len(f, 0);
    u32 kept = memory.used;
    for (u32 i = 0; i < f->n; i++) {
        memory.used = kept;
        guard_read(&candidate, text, text_len(f, i + 1), &memory);
        scores[i] = guard_agrees(&query, &candidate) ? 1.0f : 0.0f;
        text += text_len(f, i + 1);
    }
    return result(scores, 4 * f->n);
}

EXPORT(kvasir_score) u64 kvasir_score(u32 at, u32 len) {
    frame f;
    if (!frame_open(&f, at, len)) return FAILED | BAD_FRAME;
    if (!prepare(&f)) return FAILED | NO_MEMORY;
    return score_all(&f);
}

static u64 explain(const frame *f) {
    json out = {arena_take(&memory, REPORT_BYTES), 0, REPORT_BYTES, NO};
    const u8 *text = f->data + 16;
    guarded query, candidate;
    differences *d = arena_take(&memory, (u32)sizeof *d);
    guard_read(&query, text, text_len(f, 0), &memory);
    guard_read(&candidate, text + text_len(f, 0), text_len(f, 1), &memory);
    differ(&query, &candidate, d);
    json_report(&out, &query, &candidate, d);
    return result(out.s, out.n);
}

/* One candidate in, and the verdict with its reasons as JSON out. */
EXPORT(kvasir_explain) u64 kvasir_explain(u32 at, u32 len) {
    frame f;
    if (!frame_open(&f, at, len) || f.n != 1) return FAILED | BAD_FRAME;
    if (!prepare(&f)) return FAILED | NO_MEMORY;
    return explain(&f);
}
