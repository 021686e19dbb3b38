/* Compares two marked texts token by token. */
#ifndef COMPARE_H
#define COMPARE_H

#include "token.h"

typedef struct {
    const side *s;
    u32 i;
} place;

enum match {
    M_DIFFERENT,
    M_SAME,     /* the same token, whatever its case and width */
    M_SPELLING, /* colour, color */
    M_SLIP      /* a misspelling */
};

/* How the token at a matches the one at b. slips: misspellings met so far. */
enum match compare_tokens(place a, place b, u32 slips);

/* Marks both sides alike and says whether anything but allowed differences remains. */
typedef struct {
    side *a, *b;
    u32 i, j; /* the next tokens */
    u32 slips;
} walk;

void walk_start(walk *w, side *a, side *b);

/* Moves both sides past what may be missing. YES while at least one has a token left. */
bool32 walk_skip(walk *w);

/* Compares the tokens at hand, and moves on if they match. */
enum match walk_step(walk *w);

/* The marks at the very end contradict each other: a statement against a question. */
bool32 moods_differ(const walk *w);

/* The whole question: may the answer to one text serve the other? */
bool32 sides_agree(side *a, side *b);

#endif
