/* A text as tokens, with what is known about each, and about the whole. */
#ifndef TOKEN_H
#define TOKEN_H

#include "text.h"
#include "words.h"

enum kind {
    K_WORD,
    K_NUMBER,
    K_SIGN,    /* one sign that counts: $ % + - / & ( ) and the like */
    K_LITERAL, /* code, a path, an emoji: compared byte for byte */
    K_QUOTE,
    K_COMMA,
    K_SEMICOLON,
    K_COLON,
    K_STOP, /* . or ! */
    K_QUESTION,
    K_ELLIPSIS,
    K_LINE, /* one or more line breaks */
};

enum flag {
    F_GLUED = 1,        /* no space before it, inside one run of characters */
    F_CAPITAL = 2,      /* first letter is a capital */
    F_UPPER = 4,        /* two letters or more, all capitals */
    F_INNER = 8,        /* a capital after a small letter: iPhone, getName */
    F_START = 16,       /* first word of a sentence, a line, a quotation */
    F_EXACT = 32,       /* in a place where every byte counts */
    F_QUOTED = 64,      /* between quotation marks */
    F_DOTTED = 128,     /* written with dots: U.S. */
    F_THOUSANDS = 256,  /* written with commas: 1,000,000 */
    F_SHORT = 512,      /* came out of a short form: don't */
    F_CITED = 1024,     /* in a quotation of a few words */
    F_COMMON = 2048,    /* an everyday word of English that is not in the data files */
    F_MENTIONED = 8192, /* in a sentence about words, or in a text to translate */
    F_ASKED = 4096       /* the question mark of a request: could you write ...? */
};

enum drop {
    KEPT,
    DROP_ARTICLE,
    DROP_POLITE,
    DROP_MARK,
    DROP_STRESS
};

enum article {
    ART_NONE,
    ART_A,
    ART_THE
};

typedef struct {
    u64 class;   /* C_... bits of a word */
    u32 at, len; /* in the folded text */
    u32 hash;    /* of the form that is compared */
    u16 word;    /* id in the data files or NO_WORD */
    u16 flags;
    u8 kind;
    u8 gap;     /* stands for the white space before it; 0 is none */
    u8 drop;    /* why it may be missing, KEPT if it may not */
    u8 article; /* the article dropped before it */
} token;

#define MOST_TOKENS 65536

typedef struct {
    text text;
    token *tokens;
    u32 n;
    u32 words, known, english, content; /* counts of word tokens */
    bool32 is_english;
    bool32 all_upper, all_lower, title; /* how the text uses capitals, courtesy aside */
    bool32 has_code;                    /* some line is code */
    bool32 has_comparison;              /* asks whether things are the same */
    bool32 has_payload;                 /* asks for a translation or the like: all of it is about words */
    bool32 has_form;                    /* speaks about spelling, case, marks or counts of characters */
    u32 exact_from;                     /* token from which every byte counts; n if none */
    bool32 lax;                         /* rules of English have been applied */
    bool32 marked;                      /* side_mark was called */
    u8 last_mark;                       /* the mark at the very end: . ? or 0 */
} side;

/* Reads raw into s. NO: only equal bytes may match (not UTF-8, too long). */
bool32 side_read(side *s, const u8 *raw, u32 raw_len, arena *mem);

/* Marks what may be missing. lax: with the rules of English. May be called again with another lax. */
void side_mark(side *s, bool32 lax);

/* Parts of side_read and side_mark. */
void side_describe(side *s);
void describe_case(side *s);
void mark_last_marks(side *s);
void mark_politeness(side *s);
void mark_articles(side *s);
void mark_commas(side *s);

#endif
