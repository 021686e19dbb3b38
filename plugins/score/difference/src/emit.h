/* Writes tokens. */
#ifndef EMIT_H
#define EMIT_H

#include "token.h"

typedef struct {
    side *s;
    u32 room;       /* tokens that fit */
    u8 gap;         /* of the next token */
    bool32 glued;   /* the next token follows without a space */
    bool32 exact;   /* in code */
    bool32 full;    /* out of room */
} emitter;

void emit(emitter *e, u8 kind, u32 at, u32 len);

/* A word of letters, apostrophes and dots: short forms become the words they stand for. */
void emit_word(emitter *e, u32 at, u32 len);

void emit_number(emitter *e, u32 at, u32 len);

/* A name with signs, such as C++, if it is one. */
bool32 emit_symbol_name(emitter *e, u32 at, u32 len);

#endif
