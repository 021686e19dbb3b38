/* The lexicon answers two questions about words of lower-case ASCII letters. */
#ifndef LEXICON_H
#define LEXICON_H

#include "base.h"

/* An everyday word of English. */
bool32 lexicon_common(const u8 *word, u32 n);

/* A word, name or form in any list. Never NO for a listed word that is one edit from a common one. */
bool32 lexicon_listed(const u8 *word, u32 n);

#endif
