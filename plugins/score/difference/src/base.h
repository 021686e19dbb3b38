/* Types and small helpers. The guest has no C library; everything it needs from one is here. */
#ifndef BASE_H
#define BASE_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int bool32;

#define YES 1
#define NO 0
#define COUNT(a) ((u32)(sizeof(a) / sizeof((a)[0])))

static inline u32 least(u32 a, u32 b) { return a < b ? a : b; }

static inline bool32 same_bytes(const u8 *a, const u8 *b, u32 n) {
    for (u32 i = 0; i < n; i++)
        if (a[i] != b[i]) return NO;
    return YES;
}

static inline u32 length_of(const char *s) {
    u32 n = 0;
    while (s[n]) n++;
    return n;
}

static inline bool32 is_one_of(u32 c, const char *set) {
    for (; *set; set++)
        if (c == (u8)*set) return YES;
    return NO;
}

static inline bool32 is_digit(u32 c) { return c >= '0' && c <= '9'; }
static inline bool32 is_lower(u32 c) { return c >= 'a' && c <= 'z'; }
static inline bool32 is_upper(u32 c) { return c >= 'A' && c <= 'Z'; }
static inline bool32 is_alpha(u32 c) { return is_lower(c | 0x20); }
static inline bool32 is_blank(u32 c) { return c == ' ' || c == '\t'; }

/* An arena hands out memory front to back and is emptied between calls. NULL when it is full. */
typedef struct {
    u8 *base;
    u32 used, size;
} arena;

void *arena_take(arena *a, u32 bytes);

#endif
