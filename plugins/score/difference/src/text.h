/* Text is UTF-8 with everything folded away that nobody sees: width, ligatures, composed accents, curly quotes,
 * invisible characters, kinds of space. Letter case stays. A map leads from folded positions back to raw ones. */
#ifndef TEXT_H
#define TEXT_H

#include "base.h"

typedef struct {
    u32 folded, raw;
} mapped;

typedef struct {
    const u8 *raw;
    u32 raw_len;
    u8 *s; /* folded, never longer than raw */
    u32 n;
    mapped *map; /* where the distance of folded and raw positions changes */
    u32 maps;
} text;

/* Folds raw into t. NO: the text is not UTF-8, or changes more often than the map can hold, or memory is out. */
bool32 text_fold(text *t, const u8 *raw, u32 raw_len, arena *mem);

/* The raw position of a folded one. */
u32 text_raw(const text *t, u32 folded);

/* Reads one code point of valid UTF-8 at s and sets its length. */
u32 read_rune(const u8 *s, u32 *len);

/* The length of the UTF-8 sequence at s, 0 if it is none. */
u32 rune_length(const u8 *s, u32 n);

/* Letters and marks above ASCII. */
bool32 is_letter(u32 rune);

/* Scripts written without spaces: every character is a token. */
bool32 is_ideograph(u32 rune);

/* Lower case for Latin, Greek and Cyrillic; other letters stay. */
u32 lower(u32 rune);
bool32 is_capital(u32 rune);

#endif
