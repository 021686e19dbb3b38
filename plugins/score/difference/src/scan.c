#include "scan.h"
#include "text.h"

static bool32 starts(const u8 *s, u32 n, const char *with) {
    u32 len = length_of(with);
    return n >= len && same_bytes(s, (const u8 *)with, len);
}

static bool32 contains(const u8 *s, u32 n, const char *what) {
    u32 len = length_of(what);
    for (u32 i = 0; i + len <= n; i++)
        if (s[i] == (u8)what[0] && same_bytes(s + i, (const u8 *)what, len)) return YES;
    return NO;
}

static bool32 contains_any(const u8 *s, u32 n, const char *const *list, u32 count) {
    for (u32 i = 0; i < count; i++)
        if (contains(s, n, list[i])) return YES;
    return NO;
}

static bool32 starts_any(const u8 *s, u32 n, const char *const *list, u32 count) {
    for (u32 i = 0; i < count; i++)
        if (starts(s, n, list[i])) return YES;
    return NO;
}

static u32 words_in(const u8 *s, u32 n) {
    u32 words = 0;
    for (u32 i = 0; i < n; i++)
        if (!is_blank(s[i]) && (i == 0 || is_blank(s[i - 1]))) words++;
    return words;
}

/* Words that open a statement, with the mark the statement needs to be one. */
static bool32 is_statement(const u8 *s, u32 n) {
    static const char *const blocks[] = {"if ", "for ", "while ", "elif ", "else", "try", "except", "with ", "def ", "class ", "case ", "switch"};
    static const char *const calls[] = {"def ", "class ", "function ", "public ", "private ", "static ", "void ", "int ", "var ", "let ", "const ", "return ", "func ", "fn "};
    static const char *const imports[] = {"import ", "from ", "#include", "using ", "package "};
    static const char *const operators[] = {"(", "=", "<", ">", "[", "_", "."};
    if (s[n - 1] == ':' && starts_any(s, n, blocks, COUNT(blocks)))
        return words_in(s, n) <= 3 || contains_any(s, n, operators, COUNT(operators));
    if (starts_any(s, n, calls, COUNT(calls))) return contains(s, n, "(") || contains(s, n, "=");
    return starts_any(s, n, imports, COUNT(imports)) && words_in(s, n) <= 6 && s[n - 1] != '.' && s[n - 1] != '?';
}

bool32 is_code_line(const u8 *s, u32 n) {
    static const char *const marks[] = {"{", "}", "==", "!=", "=>", "->", ":=", "&&", "||", "</", "/>", "+=", "-=", "();", "++;", "\\n", "$(", "::"};
    while (n && is_blank(s[n - 1])) n--;
    while (n && is_blank(s[0])) s++, n--;
    if (n == 0) return NO;
    return s[n - 1] == ';' || contains_any(s, n, marks, COUNT(marks)) || is_statement(s, n);
}

u32 code_start(const u8 *s, u32 n) {
    for (u32 i = 0; i + 1 < n; i++) {
        if (s[i] != ':' || s[i + 1] != ' ') continue;
        return words_in(s, i) >= 3 && !is_code_line(s, i + 1) ? i + 1 : 0;
    }
    return 0;
}

bool32 is_fence(const u8 *s, u32 n) {
    while (n && is_blank(s[0])) s++, n--;
    return starts(s, n, "```") || starts(s, n, "~~~");
}

bool32 is_dotted(const u8 *s, u32 n) {
    if (n < 3 || (n & 1) == 0) return NO;
    for (u32 i = 0; i < n; i++)
        if ((i & 1) ? s[i] != '.' : !is_alpha(s[i])) return NO;
    return YES;
}

bool32 has_thousands(const u8 *s, u32 n) {
    u32 i = 0, groups = 0;
    while (i < n && is_digit(s[i])) i++;
    if (i == 0 || i > 3 || s[0] == '0') return NO;
    for (; i + 3 < n && s[i] == ','; i += 4, groups++)
        if (!is_digit(s[i + 1]) || !is_digit(s[i + 2]) || !is_digit(s[i + 3])) return NO;
    if (groups == 0 || i == n) return groups > 0;
    if (s[i] != '.') return NO;
    for (i++; i < n; i++)
        if (!is_digit(s[i])) return NO;
    return YES;
}

bool32 has_letter_or_digit(const u8 *s, u32 n) {
    for (u32 i = 0, len = 1; i < n; i += len) {
        u32 r = read_rune(s + i, &len);
        if (is_alpha(r) || is_digit(r) || (r >= 0x80 && is_letter(r))) return YES;
    }
    return NO;
}
