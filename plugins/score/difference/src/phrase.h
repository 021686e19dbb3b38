/* Finds phrases of the data files in a run of words. */
#ifndef PHRASE_H
#define PHRASE_H

#include "token.h"

/* A phrase table as tables.h has it: count and ids, the longest first. Use with tables.h included. */
#define PHRASES(name) phrases_##name, N_PHRASES_##name
#define N_PHRASES_form_phrase N_PHRASES_FORM_PHRASE
#define N_PHRASES_greeting N_PHRASES_GREETING
#define N_PHRASES_opener N_PHRASES_OPENER
#define N_PHRASES_wrapper N_PHRASES_WRAPPER
#define N_PHRASES_asker N_PHRASES_ASKER
#define N_PHRASES_closing N_PHRASES_CLOSING

/* The number of tokens of the longest phrase that starts at i, 0 if none does. */
u32 phrase_at(const side *s, u32 i, const u16 *phrases, u32 n);

/* The number of tokens of the longest phrase that ends before end. */
u32 phrase_before(const side *s, u32 end, const u16 *phrases, u32 n);

#endif
