package conformance

import (
	"math/rand/v2"
	"strings"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// fixed are texts that plugins get wrong.
var fixed = []string{
	"a", "ab", "abc", "What is the capital of Niger?", "  What  is\tthe\r\ncapital of   NIGER ?\n",
	" ", "\t\n", "\x00", "a\x00b", "C++ is not C", "-625 and 625", "1,000.5 2⁵ x²", "ls -a; ls -A",
	"Straße STRASSE ſtraße", "İstanbul ISTANBUL ıstanbul", "ﬁne ﬀ ℀ ①", "é e\u0301 E\u0301",
	"a\u0301\u0301\u0301\u0301b", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "你好，世界", "こんにちは", "안녕하세요",
	"👩‍👩‍👧‍👦 👍🏽 🇳🇪", "\ufeffbyte order mark", "\u200bzero\u200dwidth", "a\u00a0b\u2003c\u3000d", "\u2028line\u2029paragraph",
	"\U0010ffff\U0010fffe\uffff\ufffd", "\u0080\u009f\u007f", `"quoted" \back\slash\`, "{\"json\": [1, null]}", "<b>&amp;</b>",
	"%s %d %!", "line one\nline two\n\nline four", strings.Repeat("a", 5000), strings.Repeat("ab ", 2000),
	strings.Repeat("é", 3000), strings.Repeat(" ", 4097), strings.Repeat("\u0301", 500),
}

// alphabet is what random texts are made of: few signs, so that they repeat and meet, of every length.
var alphabet = []rune("aAbB zZ09 \t\n.,-'éÉßſİ\u0301\u200d\u00a0世界😀\U0010ffff\x00")

// texts returns texts of every kind, all valid UTF-8, none empty, each once.
func texts(r *rand.Rand) []string {
	all := append([]string(nil), fixed...)
	for range 40 {
		var b strings.Builder
		for range 1 + r.IntN(60) {
			b.WriteRune(alphabet[r.IntN(len(alphabet))])
		}
		all = append(all, b.String())
	}
	return unique(all)
}

func unique(all []string) []string {
	seen := map[string]bool{}
	var once []string
	for _, t := range all {
		if !seen[t] {
			once = append(once, t)
		}
		seen[t] = true
	}
	return once
}

// broken are texts that are no UTF-8.
var broken = []string{"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80", "ok\x80ok"}

// large are texts of just the size that a plugin can be given.
func large() []string {
	return []string{
		strings.Repeat("a", hostapi.MaxText),
		strings.Repeat("é", hostapi.MaxText/2),
		strings.Repeat("The capital of Niger is Niamey.\n", hostapi.MaxText/32),
		strings.Repeat(" ", hostapi.MaxText),
	}
}

// pairs returns for each text a few others to compare it with, itself and its near relatives among them.
func pairs(all []string) []pair {
	var list []pair
	for i, t := range all {
		list = append(list, pair{t, []string{
			t, "", t + " please", "x" + t, strings.ToUpper(t), all[(i+1)%len(all)], all[(i*7+3)%len(all)],
		}})
	}
	return list
}

type pair struct {
	query      string
	candidates []string
}
