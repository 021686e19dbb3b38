/* The difference guard: may the answer to one text serve another? */
#ifndef GUARD_H
#define GUARD_H

#include "token.h"

/* A text that is asked about many others is read once. */
typedef struct {
    side s;
    const u8 *raw;
    u32 raw_len;
    bool32 readable; /* NO: only equal bytes match */
} guarded;

void guard_read(guarded *g, const u8 *raw, u32 raw_len, arena *mem);
bool32 guard_agrees(guarded *a, guarded *b);

#endif
