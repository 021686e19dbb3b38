/* Recognises what a run of characters or a line is, before it becomes tokens. */
#ifndef SCAN_H
#define SCAN_H

#include "base.h"

/* A line of program text, markup or data: its spaces and marks count. */
bool32 is_code_line(const u8 *s, u32 n);

/* Where code begins in a code line: "explain this: x := 1" has words before it. */
u32 code_start(const u8 *s, u32 n);

/* An opening or closing fence of three backticks. */
bool32 is_fence(const u8 *s, u32 n);

/* Letters with single dots between: e.g, U.S, a.m. The last dot is not part of it. */
bool32 is_dotted(const u8 *s, u32 n);

/* 1,000 or 12,345,678.90 */
bool32 has_thousands(const u8 *s, u32 n);

/* ASCII letters and digits, or anything above ASCII. */
bool32 has_letter_or_digit(const u8 *s, u32 n);

#endif
