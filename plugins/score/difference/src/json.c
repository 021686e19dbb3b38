#include "json.h"

/* A quotation in the report is cut after this many bytes. */
#define LONGEST_QUOTE 120

static void put_byte(json *o, u8 c) {
    if (o->n < o->size) o->s[o->n++] = c;
    else o->full = YES;
}

static void put(json *o, const char *s) {
    while (*s) put_byte(o, (u8)*s++);
}

static void put_number(json *o, u32 v) {
    u8 digits[10];
    u32 n = 0;
    do digits[n++] = (u8)('0' + v % 10), v /= 10;
    while (v);
    while (n) put_byte(o, digits[--n]);
}

static void put_escaped(json *o, u8 c) {
    static const char hex[] = "0123456789abcdef";
    if (c == '"' || c == '\\') put_byte(o, '\\'), put_byte(o, c);
    else if (c < 0x20) put(o, "\\u00"), put_byte(o, (u8)hex[c >> 4]), put_byte(o, (u8)hex[c & 15]);
    else put_byte(o, c);
}

/* Valid UTF-8 out, whatever comes in: other bytes become U+FFFD, and the end falls on a character. */
static void put_text(json *o, const u8 *s, u32 n) {
    for (u32 i = 0, len; i < n && i < LONGEST_QUOTE; i += len ? len : 1) {
        len = rune_length(s + i, n - i);
        if (len == 0) put(o, "\xEF\xBF\xBD");
        for (u32 k = 0; k < len; k++) put_escaped(o, s[i + k]);
    }
    if (n > LONGEST_QUOTE) put(o, "\xE2\x80\xA6");
}

static void put_quoted(json *o, const guarded *g, u32 start, u32 end) {
    put(o, "\\\"");
    put_text(o, g->raw + start, end - start);
    put(o, "\\\"");
}

static const difference *first_refused(const differences *d) {
    for (u32 i = 0; i < d->n; i++)
        if (!d->list[i].allowed) return &d->list[i];
    return 0;
}

static void put_change(json *o, const guarded *a, const guarded *b, const difference *x) {
    put(o, difference_name(x->type));
    put(o, ": ");
    if (x->a_start == x->a_end) put(o, "only the candidate has "), put_quoted(o, b, x->b_start, x->b_end);
    else if (x->b_start == x->b_end) put(o, "only the query has "), put_quoted(o, a, x->a_start, x->a_end);
    else put_quoted(o, a, x->a_start, x->a_end), put(o, " against "), put_quoted(o, b, x->b_start, x->b_end);
}

static void put_reason(json *o, const guarded *a, const guarded *b, const differences *d) {
    const difference *x = first_refused(d);
    if (d->same) put(o, d->n ? "nothing that can change the answer differs" : "the texts are equal");
    else if (x) put_change(o, a, b, x);
    else put(o, "too many differences to list");
}

static void put_field(json *o, const char *name, const guarded *g, u32 start, u32 end) {
    put(o, ",\""), put(o, name), put(o, "\":\"");
    put_text(o, g->raw + start, end - start);
    put(o, "\"");
}

static void put_difference(json *o, const guarded *a, const guarded *b, const difference *x) {
    put(o, "{\"type\":\""), put(o, difference_name(x->type)), put(o, "\"");
    put_field(o, "query", a, x->a_start, x->a_end);
    put_field(o, "candidate", b, x->b_start, x->b_end);
    put(o, ",\"at\":["), put_number(o, x->a_start), put(o, ","), put_number(o, x->a_end), put(o, ",");
    put_number(o, x->b_start), put(o, ","), put_number(o, x->b_end);
    put(o, x->allowed ? "],\"allowed\":true}" : "],\"allowed\":false}");
}

void json_report(json *o, const guarded *a, const guarded *b, const differences *d) {
    put(o, d->same ? "{\"verdict\":\"same\",\"reason\":\"" : "{\"verdict\":\"different\",\"reason\":\"");
    put_reason(o, a, b, d);
    put(o, "\",\"differences\":[");
    for (u32 i = 0; i < d->n; i++) {
        if (i) put(o, ",");
        put_difference(o, a, b, &d->list[i]);
    }
    put(o, "]}");
}
