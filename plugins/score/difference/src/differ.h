/* Lists where two texts differ, and what kind of difference each is. */
#ifndef DIFFER_H
#define DIFFER_H

#include "guard.h"

enum difference_type {
    /* these count */
    T_NUMBER,
    T_SYMBOL,
    T_NEGATION,
    T_NAME,
    T_UNIT,
    T_WH,
    T_TENSE,
    T_ORDER,
    T_CODE,
    T_CONTENT,
    T_BYTES,
    /* these do not */
    T_ARTICLE,
    T_POLITENESS,
    T_PUNCTUATION,
    T_STRESS,
    T_CASE,
    T_SPELLING,
    T_MISSPELLING,
    T_CONTRACTION,
    T_CHARACTERS
};

typedef struct {
    u8 type;
    u8 allowed;
    u32 a_start, a_end, b_start, b_end; /* in the raw texts */
} difference;

#define MOST_DIFFERENCES 32

typedef struct {
    difference list[MOST_DIFFERENCES];
    u32 n;
    u32 more;       /* differences that found no room */
    bool32 same;
    u32 a_sum, b_sum; /* of the hashes of what counts, to see that only the order changed */
    bool32 moved;     /* some place differs in its words, not only in their case */
} differences;

const char *difference_name(u8 type);

/* The verdict is that of guard_agrees. */
void differ(guarded *a, guarded *b, differences *d);

#endif
