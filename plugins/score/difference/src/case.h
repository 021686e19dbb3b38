/* Letter case of prose words. */
#ifndef CASE_H
#define CASE_H

#include "compare.h"

enum reading {
    R_PLAIN,   /* small letters */
    R_NAME,    /* a capital in the middle of a sentence */
    R_ACRONYM, /* all capitals in a text that has small letters */
    R_INNER,   /* iPhone */
    R_OPEN     /* the capitals come from the text, the title or the sentence: they say nothing */
};

enum reading reading_of(place p);

/* The same letters; may their cases differ as they do? */
bool32 case_agrees(place a, place b);

#endif
