/* When two written forms are one word. */
#ifndef SPELLING_H
#define SPELLING_H

#include "base.h"

/* colour and color, organise and organize. Both in lower-case ASCII. */
bool32 same_spelling(const u8 *a, u32 an, const u8 *b, u32 bn);

/* One of the two is an everyday word, the other is no word and one slip of the fingers away from it. */
bool32 is_misspelling(const u8 *a, u32 an, const u8 *b, u32 bn);

#endif
