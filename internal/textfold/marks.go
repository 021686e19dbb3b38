package textfold

import (
	"strings"
	"unicode"
)

// removeMarks removes diacritics that follow a letter, with nothing but marks between. text is
// decomposed.
func removeMarks(text string) string {
	if !strings.ContainsFunc(text, isDiacritic) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	onLetter := false
	for _, r := range text {
		switch {
		case isDiacritic(r):
			if onLetter {
				continue
			}
		case !unicode.Is(unicode.M, r):
			onLetter = unicode.IsLetter(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// isDiacritic reports whether r is a mark that belongs to no script. The blocks for symbols
// (U+20D0–20FF) are left out.
func isDiacritic(r rune) bool {
	return 0x0300 <= r && r <= 0x036f || 0x1ab0 <= r && r <= 0x1aff ||
		0x1dc0 <= r && r <= 0x1dff || 0xfe20 <= r && r <= 0xfe2f
}

// foldSpace makes one blank of each run of white space and removes it at both ends.
func foldSpace(text string) string {
	if isSpaced(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	pending := false // white space was seen, and something was written before it
	for _, r := range text {
		if unicode.IsSpace(r) {
			pending = b.Len() > 0
			continue
		}
		if pending {
			b.WriteByte(' ')
			pending = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

// isSpaced reports whether all white space in text is single blanks with something on both sides.
func isSpaced(text string) bool {
	blank := true
	for _, r := range text {
		isBlank := unicode.IsSpace(r)
		if isBlank && (blank || r != ' ') {
			return false
		}
		blank = isBlank
	}
	return text == "" || !blank
}
