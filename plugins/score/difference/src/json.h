/* Writes the verdict as JSON. */
#ifndef JSON_H
#define JSON_H

#include "differ.h"

typedef struct {
    u8 *s;
    u32 n, size;
    bool32 full;
} json;

/* The most a report can take. */
#define REPORT_BYTES 32768

void json_report(json *out, const guarded *a, const guarded *b, const differences *d);

#endif
