#include "spelling.h"
#include "lexicon.h"
#include "tables.h"
#include "words.h"

#define LONGEST 40

static bool32 ends_with(const u8 *w, u32 n, const char *tail) {
    u32 len = length_of(tail);
    return n >= len && same_bytes(w + n - len, (const u8 *)tail, len);
}

/* Endings that a stem of the list may take on. */
static bool32 is_ending(const u8 *w, u32 n) {
    static const char *const endings[] = {"",     "s",   "d",    "r",    "rs",    "ed",  "ing",  "ings", "er",    "ers",  "es",
                                          "e",    "ful", "less", "able", "ation", "ly",  "fully", "ist", "ists",  "ism",  "ite",
                                          "ites", "al",  "ally", "hood", "hoods", "y",   "ies",  "ic",   "ical",  "ist",  "tic",
                                          "tist", "sia", "tics", "ian",  "ians",  "or",  "ors",  "ously", "ous",  "isms", "ster"};
    for (u32 i = 0; i < COUNT(endings); i++)
        if (length_of(endings[i]) == n && same_bytes(w, (const u8 *)endings[i], n)) return YES;
    return NO;
}

static bool32 same_stems(const u8 *a, u32 an, const u8 *b, u32 bn) {
    for (u32 at = 0; at < N_SPELLING_STEMS;) {
        const u8 *x = spelling_stems + at;
        u32 xn = length_of((const char *)x);
        const u8 *y = x + xn + 1;
        u32 yn = length_of((const char *)y);
        at += xn + yn + 2;
        bool32 open = x[xn - 1] == '-';
        if (open) xn--, yn--;
        if (an < xn || bn < yn || an - xn != bn - yn || (open && an == xn)) continue;
        if (!same_bytes(a, x, xn) || !same_bytes(b, y, yn) || !same_bytes(a + xn, b + yn, an - xn)) continue;
        if (is_ending(a + xn, an - xn)) return YES;
    }
    return NO;
}

/* -ise for -ize: the form with z must be an everyday word, which rules out "advise" and "prise". */
static bool32 same_ize(const u8 *s_form, const u8 *z_form, u32 n) {
    static const char *const tails[] = {"ize", "izes", "ized", "izing", "izer", "izers", "ization", "izations", "izable"};
    if (n < 7) return NO;
    for (u32 i = 0; i < COUNT(tails); i++) {
        if (!ends_with(z_form, n, tails[i])) continue;
        u32 z = n - length_of(tails[i]) + 1;
        bool32 rest = same_bytes(s_form, z_form, z) && same_bytes(s_form + z + 1, z_form + z + 1, n - z - 1);
        return rest && s_form[z] == 's' && lexicon_common(z_form, n);
    }
    return NO;
}

bool32 same_spelling(const u8 *a, u32 an, const u8 *b, u32 bn) {
    if (same_stems(a, an, b, bn) || same_stems(b, bn, a, an)) return YES;
    return an == bn && (same_ize(a, b, an) || same_ize(b, a, an));
}

/* One edit: where the words part, and what was done there. */
typedef struct {
    enum { NO_EDIT, REPLACED, SWAPPED, ADDED } kind;
    u32 at;
} edit;

/* short_ is not longer than long_. */
static edit find_edit(const u8 *short_, u32 sn, const u8 *long_, u32 ln) {
    u32 p = 0;
    while (p < sn && short_[p] == long_[p]) p++;
    if (ln == sn + 1) return (edit){same_bytes(short_ + p, long_ + p + 1, sn - p) ? ADDED : NO_EDIT, p};
    if (ln != sn || p == sn) return (edit){NO_EDIT, 0};
    if (same_bytes(short_ + p + 1, long_ + p + 1, sn - p - 1)) return (edit){REPLACED, p};
    bool32 swapped = p + 1 < sn && short_[p] == long_[p + 1] && short_[p + 1] == long_[p];
    if (swapped && same_bytes(short_ + p + 2, long_ + p + 2, sn - p - 2)) return (edit){SWAPPED, p};
    return (edit){NO_EDIT, 0};
}

static edit one_edit(const u8 *a, u32 an, const u8 *b, u32 bn) {
    return an <= bn ? find_edit(a, an, b, bn) : find_edit(b, bn, a, an);
}

/* Endings that name a substance or a kind: methane and methene, sulfate and sulfite. */
static bool32 has_kind_ending(const u8 *w, u32 n) {
    static const char *const tails[] = {"ane", "ene", "ine", "yne", "one", "ide", "ite", "ate", "ade", "ase", "ose", "al", "ol", "yl", "il"};
    if (n && w[n - 1] == 's') n--;
    for (u32 i = 0; i < COUNT(tails); i++)
        if (ends_with(w, n, tails[i])) return YES;
    return NO;
}

/* Edits that make another word form or a name rather than a slip: at the first letter, at the last (cat, cats), and
 * inside an ending that carries meaning. A doubled last letter is a slip, a second s may be another word. */
static bool32 changes_form(edit e, const u8 *a, u32 an, const u8 *b, u32 bn) {
    const u8 *longer = an >= bn ? a : b;
    u32 n = an >= bn ? an : bn;
    if (e.at == 0) return YES;
    if (e.kind == ADDED) return e.at >= n - 1 && (longer[n - 1] != longer[n - 2] || longer[n - 1] == 's');
    if (e.kind == REPLACED && e.at == n - 1) return YES;
    return e.kind == REPLACED && e.at + 4 >= n && has_kind_ending(a, an) && has_kind_ending(b, bn);
}

#define WEIGHTY (C_NUMBER | C_NEGATION | C_DATE | C_MODAL | C_UNIT | C_OPPOSITE | C_WH | C_QUANTITY | C_PREPOSITION | C_TENSE | C_PRONOUN | C_GIVEN)

/* A slip that leads to another weighty word as well stays undecided. The first letter is hardly ever missed. */
static bool32 is_ambiguous(const u8 *slip, u32 n, const u8 *word, u32 wn) {
    for (u32 id = 0; id < WORDS; id++) {
        u32 len;
        if (!(word_class((u16)id) & WEIGHTY)) continue;
        const u8 *other = word_letters((u16)id, &len);
        if (len + 1 < n || len > n + 1 || (len == wn && same_bytes(other, word, wn))) continue;
        edit e = one_edit(slip, n, other, len);
        if (e.kind != NO_EDIT && e.at > 0) return YES;
    }
    return NO;
}

static bool32 all_letters(const u8 *w, u32 n) {
    for (u32 i = 0; i < n; i++)
        if (!is_lower(w[i])) return NO;
    return YES;
}

/* The fingers met in the wrong order, or one stayed too long: such a slip is hardly ever another name. */
static bool32 is_fumbled(edit e, const u8 *word, u32 wn, const u8 *slip, u32 sn) {
    const u8 *longer = wn > sn ? word : slip;
    if (e.kind == SWAPPED) return YES;
    return e.kind == ADDED && e.at > 0 && longer[e.at] == longer[e.at - 1];
}

/* Which slips of a word are read at all. Short words are near too many others, and people have any name. */
static bool32 may_be_meant(const u8 *word, u32 wn, const u8 *slip, u32 sn, edit e) {
    u64 class = word_find(word, wn).class;
    if (class & C_PLACE) return wn >= 7 || (wn >= 6 && is_fumbled(e, word, wn, slip, sn));
    if (!lexicon_common(word, wn)) return NO;
    if (class & C_GIVEN) return wn >= 6;
    return wn >= 5 || (wn == 4 && (class & C_ENGLISH) && is_fumbled(e, word, wn, slip, sn));
}

static bool32 is_slip_of(const u8 *word, u32 wn, const u8 *slip, u32 sn, edit e) {
    if (word_find(slip, sn).id != NO_WORD || lexicon_listed(slip, sn)) return NO;
    return may_be_meant(word, wn, slip, sn, e) && !is_ambiguous(slip, sn, word, wn);
}

bool32 is_misspelling(const u8 *a, u32 an, const u8 *b, u32 bn) {
    if (an < 4 || bn < 4 || an > LONGEST || bn > LONGEST || !all_letters(a, an) || !all_letters(b, bn)) return NO;
    edit e = one_edit(a, an, b, bn);
    if (e.kind == NO_EDIT || changes_form(e, a, an, b, bn)) return NO;
    return is_slip_of(a, an, b, bn, e) || is_slip_of(b, bn, a, an, e);
}
