/* The words and phrases of the data files. */
#ifndef WORDS_H
#define WORDS_H

#include "base.h"

#define NO_WORD 0xFFFF

typedef struct {
    u16 id;    /* of the word that stands for it, NO_WORD if it is not in the data files */
    u16 own;   /* its own id */
    u64 class; /* C_... bits */
} word_entry;

/* Looks up a word in lower case. */
word_entry word_find(const u8 *word, u32 n);

/* What a word is short for: the number of words, at most 3, and their ids. 0 if nothing. */
u32 word_expansion(u16 own, const u16 **ids);

/* The classes of a word by its id, and its letters. */
u64 word_class(u16 id);
const u8 *word_letters(u16 id, u32 *n);

/* How many unit signs are these letters, in any case: two for MB and Mb. */
u32 unit_signs_like(const u8 *s, u32 n);

/* A unit sign such as km or MB, case counts. */
bool32 is_unit_sign(const u8 *s, u32 n);

#endif
