#include "base.h"

void *arena_take(arena *a, u32 bytes) {
    u32 at = (a->used + 7) & ~7u;
    if (at > a->size || bytes > a->size - at) return 0;
    a->used = at + bytes;
    return a->base + at;
}

/* The compiler may call these for copies and fills that it recognises. */
#ifdef __wasm__
void *memcpy(void *to, const void *from, unsigned long n) {
    u8 *t = to;
    const u8 *f = from;
    while (n--) *t++ = *f++;
    return to;
}

void *memset(void *to, int c, unsigned long n) {
    u8 *t = to;
    while (n--) *t++ = (u8)c;
    return to;
}
#endif
