// Package textfold maps texts that differ only in how they are written to one text: composed or
// decomposed accents, wide or narrow letters, capitals, runs of blanks, diacritics.
//
//	textfold.Fold("  Größe\u00a0 OK", textfold.NFC|textfold.Case|textfold.Space) // "grösse ok"
//
// It knows no language and no meaning. NFKC turns 2⁵ into 25, Case turns US into us, Diacritics turns
// Müll into mull: whoever asks for a fold decides that this is right for the texts at hand.
package textfold

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Flags choose what Fold does. Their values are part of the plugin contract.
type Flags uint32

const (
	// NFC composes: e followed by U+0301 becomes é.
	NFC Flags = 1 << iota
	// NFKC composes and replaces compatibility characters: ﬁ by fi, ² by 2, Ａ by A, U+00A0 by a blank.
	// It includes NFC.
	NFKC
	// Case applies Unicode's full case folding: A becomes a, ß and ẞ become ss, final sigma becomes σ.
	// It does not depend on a language; İ becomes i with a dot above.
	Case
	// Space makes one blank U+0020 of each run of white space, and removes it at both ends. White space
	// is what Unicode's White_Space says, line ends too.
	Space
	// Diacritics removes the marks on letters that Unicode can take apart, of the blocks U+0300–036F,
	// U+1AB0–1AFF, U+1DC0–1DFF and U+FE20–FE2F: é becomes e, й becomes и. Vowel signs of other scripts
	// stay, and so do letters with a stroke (ø, ł) and marks on anything but a letter (≠). It
	// includes NFC.
	Diacritics
)

// All is every flag there is.
const All = NFC | NFKC | Case | Space | Diacritics

// Version names the tables that Fold uses. Texts folded by another version may differ in characters
// that were unassigned then, so stored folds belong to their version.
const Version = "1/unicode-" + norm.Version

// rounds bounds how often the steps are repeated. A test folds every character with every flag and
// finds that two are enough.
const rounds = 4

// Fold returns text after the steps that f asks for, in this order:
//
//  1. each byte that is not part of valid UTF-8 becomes U+FFFD, whatever f is;
//  2. NFKC, else NFC; or, for Diacritics, the decomposed form and the removal of marks;
//  3. Case;
//  4. composition again, where 2 or 3 undid it;
//  5. Space.
//
// The steps are repeated until they change nothing, so Fold(Fold(t, f), f) == Fold(t, f). The result
// is valid UTF-8. It depends on text, f and Version only, not on machine or locale. Unknown flags
// are ignored. Where nothing changes, text itself is returned, and for ASCII nothing is allocated.
//
// The result has at most 11 times as many bytes as text: U+FDFA under NFKC is the worst.
func Fold(text string, f Flags) string {
	if folded, ok := foldASCII(text, f); ok {
		return folded
	}
	text = repair(text)
	for range rounds {
		folded := once(text, f)
		if folded == text {
			break
		}
		text = folded
	}
	return text
}

// once does steps 2 to 5 to valid UTF-8.
func once(text string, f Flags) string {
	composed, decomposed := norm.NFC, norm.NFD
	if f&NFKC != 0 {
		composed, decomposed = norm.NFKC, norm.NFKD
	}
	composes := f&(NFC|NFKC|Diacritics) != 0
	switch {
	case f&Diacritics != 0:
		text = removeMarks(decomposed.String(text))
	case composes:
		text = composed.String(text)
	}
	if f&Case != 0 {
		text = foldCase(text)
	}
	if composes && f&(Diacritics|Case) != 0 {
		text = composed.String(text)
	}
	if f&Space != 0 {
		text = foldSpace(text)
	}
	return text
}

// repair returns text with U+FFFD for each byte that is not part of valid UTF-8.
func repair(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + 2)
	for _, r := range text { // a bad byte is U+FFFD here
		b.WriteRune(r)
	}
	return b.String()
}
