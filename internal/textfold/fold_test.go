package textfold

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestFold_Vectors(t *testing.T) {
	for _, c := range []struct {
		text  string
		flags Flags
		want  string
	}{
		{"", All, ""},
		{" \n\t ", Space, ""},
		{"A  b", 0, "A  b"},
		{"Hello World", Case, "hello world"},
		{"[@Z`{", Case, "[@z`{"},
		{"  two\r\n\tlines \v\f", Space, "two lines"},
		{"a b", Space, "a b"},
		{"a ", Space, "a"},
		{" a", Space, "a"},
		{"a\x1cb", Space, "a\x1cb"}, // a separator to some languages, not to Unicode
		{"a\u00a0\u2003\u2028b\u3000", Space, "a b"},
		{"a\u200bb", Space, "a\u200bb"}, // zero width space is not white space
		{"e\u0301", 0, "e\u0301"},
		{"e\u0301", NFC, "é"},
		{"e\u0301", Case, "e\u0301"},
		{"\u212b", NFC, "Å"},
		{"2⁵ ﬁ Ａ", NFC, "2⁵ ﬁ Ａ"},
		{"2⁵ ﬁ Ａ", NFKC, "25 fi A"},
		{"2⁵ ﬁ Ａ", NFC | NFKC, "25 fi A"},
		{"a\u00a0b", NFKC, "a b"},
		{"Straße STRASSE ẞ", Case, "strasse strasse ss"},
		{"ΣΊΣΥΦΟΣ ς", Case, "σίσυφοσ σ"},
		{"İI", Case, "i\u0307i"},
		{"İ", Case | Diacritics, "i"},
		{"Ꭰ ꭰ Ᏸ ᏸ", Case, "Ꭰ Ꭰ Ᏸ Ᏸ"},
		{"ΐ", Case | NFC, "ΐ"},
		{"\u0345\u03b1\u0345", Case | NFC, "ιαι"},
		{"Crème brûlée, naïve Ångström", Diacritics, "Creme brulee, naive Angstrom"},
		{"Ørsted Łódź", Diacritics, "Ørsted Łodz"},
		{"й ё", Diacritics, "и е"},
		{"Việt Nam", Diacritics, "Viet Nam"},
		{"≠ ≮ 5\u0338", Diacritics, "≠ ≮ 5\u0338"}, // marks that negate
		{"हिन्दी किताब", Diacritics, "हिन्दी किताब"},
		{"がぎ", Diacritics, "がぎ"},
		{"한국어", Diacritics, "한국어"},
		{"שָׁלוֹם", Diacritics, "שָׁלוֹם"},
		{"\u0301a", Diacritics, "\u0301a"},
		{"ﬁ é", Diacritics, "ﬁ e"},
		{"ﬁ é", Diacritics | NFKC, "fi e"},
		{"a\xffb", 0, "a\ufffdb"},
		{"a\xe2\x82b", 0, "a\ufffd\ufffdb"},
		{"\xed\xa0\x80", 0, "\ufffd\ufffd\ufffd"}, // a surrogate
		{"  GrÖße\u00a0 OK", NFC | Case | Space, "grösse ok"},
		{"Ａ\u3000Ｂ", All, "a b"},
		{"C++ ≠ C", All, "c++ ≠ c"},
	} {
		if got := Fold(c.text, c.flags); got != c.want {
			t.Errorf("Fold(%+q, %05b): got %+q, want %+q", c.text, c.flags, got, c.want)
		}
	}
}

func TestFold_FlagsKeepTheirValues(t *testing.T) {
	if NFC != 1 || NFKC != 2 || Case != 4 || Space != 8 || Diacritics != 16 {
		t.Errorf("got %d %d %d %d %d: guests have these numbers compiled in", NFC, NFKC, Case, Space, Diacritics)
	}
	if got := Fold("A  é", ^All); got != "A  é" {
		t.Errorf("unknown flags: got %q, want them ignored", got)
	}
}

// Every character, alone and after a letter, under the flags that work together: two rounds of steps
// must reach a text that a third does not change, well below the bound on rounds.
func TestFold_EveryCharacterIsStableAndBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("millions of folds")
	}
	flags := []Flags{0, NFC, NFKC, Case, Case | NFC, Case | NFKC, Diacritics, Diacritics | NFKC, Diacritics | Case, All}
	for r := range everyCharacter {
		for _, f := range flags {
			checkCharacter(t, r, f)
		}
		if t.Failed() {
			return
		}
	}
}

// everyCharacter leaves out what is unassigned or for private use, and ideographs and syllables that
// behave like their neighbours.
func everyCharacter(yield func(rune) bool) {
	for _, block := range [][2]rune{
		{0, 0x4e10}, {0x9fff, 0xac20}, {0xd780, 0xd7ff}, {0xe000, 0xe001}, {0xf900, 0x20000}, {0x2f800, 0x2fa1f},
		{0xe0000, 0xe01ff}, {utf8.MaxRune, utf8.MaxRune},
	} {
		for r := block[0]; r <= block[1]; r++ {
			if !yield(r) {
				return
			}
		}
	}
}

func checkCharacter(t *testing.T, r rune, f Flags) {
	t.Helper()
	text := string(r)
	folded := Fold(text, f)
	if len(folded) > 11*len(text) {
		t.Errorf("Fold(%U, %05b): %d bytes become %d", r, f, len(text), len(folded))
	}
	for _, text := range []string{text, "a" + text} {
		twice := once(once(text, f), f)
		if again := once(twice, f); again != twice {
			t.Errorf("Fold(%+q, %05b): two rounds give %+q, a third %+q", text, f, twice, again)
		}
	}
}

// Package unicode has its own tables of which characters differ in case only.
func TestFold_CaseJoinsWhatDiffersInCaseOnly(t *testing.T) {
	for r := range everyCharacter {
		next := unicode.SimpleFold(r)
		if a, b := Fold(string(r), Case), Fold(string(next), Case); a != b {
			t.Errorf("%U and %U differ in case only, and fold to %+q and %+q", r, next, a, b)
		}
	}
}

// pieces are what folding finds hard: marks in wrong order, singletons, what folds or decomposes into
// several, blanks of all kinds, broken UTF-8.
var pieces = []string{
	"a", "A", "z", "é", "e\u0301", "\u0301", "\u0300", "\u0327", "\u0323", "\u0338", "\u0345", "\u034f", "\u0363",
	"ß", "ẞ", "İ", "ı", "Σ", "ς", "ŉ", "ǰ", "ΐ", "ᾳ", "ᾼ", "ﬁ", "ſ", "ẛ", "\u212b", "\u2126", "≠", "=", "½", "²",
	"ﷺ", "´", "\u00a8", "\u0344", "\u1fed", "が", "\u3099", "ｶ", "ﾞ", "각", "\u1100", "\u1161", "\u11a8", "क", "\u093c",
	"\u0958", "\u0f71", "\u0f72", "\U0001d15e", " ", "\t", "\n", "\u0085", "\u00a0", "\u2000", "\u2028", "\u3000",
	"\u200d", "\ufeff", "\x80", "\xff", "\xe2\x82", "\xf0\x9f", "\ufffd", "Ꭰ", "ꭰ", "ᏸ", "\u1e9e", "\u0130", "!", "5",
	strings.Repeat("\u0301", 31), strings.Repeat("\u0327\u0300", 20),
}

func drawText(t *rapid.T) string {
	if rapid.Bool().Draw(t, "any") {
		return rapid.String().Draw(t, "text")
	}
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 12).Draw(t, "pieces"), "")
}

func TestFold_IsIdempotentAndValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkFold(t, drawText(t), Flags(rapid.Uint32Range(0, uint32(All)).Draw(t, "flags")))
	})
}

type failer interface {
	Fatalf(format string, args ...any)
}

func checkFold(t failer, text string, f Flags) {
	folded := Fold(text, f)
	if !utf8.ValidString(folded) {
		t.Fatalf("Fold(%+q, %05b): %+q is not valid UTF-8", text, f, folded)
	}
	if again := Fold(folded, f); again != folded {
		t.Fatalf("Fold(%+q, %05b): once %+q, twice %+q", text, f, folded, again)
	}
	if len(folded) > 11*len(text) {
		t.Fatalf("Fold(%+q, %05b): %d bytes become %d", text, f, len(text), len(folded))
	}
}

// The fast path must say what the steps say.
func TestFold_ASCIIGoesTheSameWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.ByteRange(0, 127)).Draw(t, "ascii"))
		f := Flags(rapid.Uint32Range(0, uint32(All)).Draw(t, "flags"))
		if got, want := Fold(text, f), once(text, f); got != want {
			t.Fatalf("Fold(%q, %05b): got %q, want %q", text, f, got, want)
		}
	})
}

func TestFold_AllocatesNothingForFoldedASCII(t *testing.T) {
	text := "what is the capital of france?"
	if n := testing.AllocsPerRun(100, func() { Fold(text, All) }); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func FuzzFold(f *testing.F) {
	f.Add(strings.Join(pieces, ""), uint32(All))
	for _, p := range pieces {
		f.Add(p+"A"+p, uint32(Case|NFKC|Space))
	}
	f.Fuzz(func(t *testing.T, text string, flags uint32) { checkFold(t, text, Flags(flags)) })
}

func BenchmarkFold(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"ascii-same", strings.Repeat("what is the capital of france? ", 6)[:185]},
		{"ascii", strings.Repeat("What is the  capital of France? ", 6)},
		{"latin", strings.Repeat("Où est  la Tour d’Élysée, à Paris? ", 6)},
		{"han", strings.Repeat("法国的首都是哪里？", 8)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				Fold(c.text, NFC|Case|Space)
			}
		})
	}
}
