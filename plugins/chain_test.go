package plugins_test

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/plugins"
)

// chain has the normalizers in the order that a strategy uses them.
type chain []hostapi.Plugin

func loadChain(t testing.TB) chain {
	t.Helper()
	var c chain
	for _, p := range plugins.List() {
		if p.Role == hostapi.RoleNormalize {
			c = append(c, load(t, p.Name, ""))
		}
	}
	return c
}

func (c chain) normalize(text string) (string, error) {
	for _, p := range c {
		var err error
		if text, err = p.Normalize(context.Background(), text); err != nil {
			return "", err
		}
	}
	return text, nil
}

func (c chain) normal(t testing.TB, text string) string {
	t.Helper()
	out, err := c.normalize(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return out
}

// pieces are what random texts are made of: all that some normalizer looks at.
var pieces = []string{
	" ", " ", " ", " ", "  ", "\t", "\n", "\n", "\n\n", "\r\n", "\n  ", "\n    ", " \n", "\u00a0", "\u3000", "\u200b", "\u200d", "\u00ad", "\ufeff",
	"?", "!", ".", "...", "??", "?!", "..", ",", ", ", ": ", ":", ";", " - ", "-", "'", "\"", "`", "``", "```", "\n```\n", "~~~", "“", "”", "’", "‘",
	"(", ")", "f(x)", "=", "{", "}", "\\", "C++", ".NET", "-5", "5", "1,000", "3.1", "2⁵", "½", "ﬁ", "Ｗｈｏ", "？", "＝", "\u037e", "\u1fef", "。",
	"\u2026", "\u2010", "\u0301", "é", "É", "İ", "ß", "Σ", "👩", "नम", "می", "ﾞ", "ｶ",
	"hi", "Hi,", "Hello", "hey ", "please", "Please", "PLEASE", "thanks", "Thank you", "thanks in advance", "can you", "could you", "tell me",
	"Can you tell me ", "I was wondering ", "i have a question", "I'd like to know ", "how are you",
	"what", "What is", "WHO", "who", "Who", "is", "IS", "the", "THE", "of", "US", "us", "Us", "it", "It", "IT", "I", "A", "a", "May", "may", "Will",
	"Polish", "polish", "explain", "Explain", "EXPLAIN", "write", "WRITE", "list", "a poem", "France", "FRANCE", "say", "der", "count", "exactly",
	"upper", "case", "don't", "What's", "iPhone", "foo_bar", "NASA", "nasa", "Mother-In-Law", "MB", "Mb", "x", "n!", "http://a.b/C", "e.g.",
}

func randomText() *rapid.Generator[string] {
	joined := rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 14).Draw(t, "pieces")
		return strings.Join(parts, rapid.SampledFrom([]string{"", " "}).Draw(t, "between"))
	})
	return rapid.OneOf(joined, joined, joined, rapid.String())
}

// settles fails if a normal form is not its own.
func settles(t rapid.TB, what, text string, normalize func(string) (string, error)) {
	once, err := normalize(text)
	if err != nil {
		t.Fatalf("%s: %q: %v", what, text, err)
	}
	twice, err := normalize(once)
	if err != nil {
		t.Fatalf("%s: %q: %v", what, once, err)
	}
	if twice != once {
		t.Fatalf("%s: the normal form of %q is %q, and of that %q", what, text, once, twice)
	}
	if !utf8.ValidString(once) || len(once) > 3*len(text) {
		t.Fatalf("%s: %q became %q", what, text, once)
	}
}

func (c chain) settle(t rapid.TB, text string) {
	for i, p := range c {
		settles(t, p.Manifest().Name, text, chain{c[i]}.normalize)
	}
	settles(t, "all", text, c.normalize)
}

func TestNormalizers_ANormalFormIsItsOwn(t *testing.T) {
	c := loadChain(t)
	rapid.Check(t, func(t *rapid.T) { c.settle(t, randomText().Draw(t, "text")) })
}

func FuzzNormalizers(f *testing.F) {
	for _, text := range []string{".NET\u2010ﬁ", "tell me , A Hello", "Hi,Who .", "tell me A PLEASE", "tell me A hi", "a\u2010\u200bb"} {
		f.Add(text)
	}
	for _, p := range pieces {
		f.Add("What " + p + " is" + p)
	}
	c := loadChain(f)
	f.Fuzz(func(t *testing.T, text string) {
		if utf8.ValidString(text) && len(text) < 1<<12 {
			c.settle(t, text)
		}
	})
}

// Texts from one length on are left alone, and just below it they are still done within the budget.
func TestNormalizers_LongTexts(t *testing.T) {
	c := loadChain(t)
	for _, unit := range []string{
		"What is  the capital of France ?\n", "a", " ", "?", "`", "'a ", "\"", "“", "` `` ``` ````\n", "hi, ", "thanks, ", "please ", "A ",
		"\n\n", "  x\n", "é", "Ｗ", "\u200d", "can you tell me ", "what is x? thanks. ", "I-I-I", "(", "= ", "I was wondering ",
	} {
		for _, n := range []int{16 << 10, 17 << 10} {
			text := strings.Repeat(unit, n/len(unit))
			out := c.normal(t, text)
			if again := c.normal(t, out); again != out {
				t.Errorf("%q, %d bytes: the normal form is not its own", unit, len(text))
			}
			if len(text) > 16<<10 && out != text && !strings.ContainsAny(unit, "éＷ\u200d“") {
				t.Errorf("%q, %d bytes: it was changed", unit, len(text))
			}
		}
	}
}

// shared is where the data sets lie that are not part of this repository.
func shared(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("KVASIR_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(dir, "data", "pairs", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("there is no %s; set KVASIR_SHARED", path)
	}
	return path
}

// pairs calls each for the rows of a table: two texts and whether their answer is the same.
func pairs(t testing.TB, path string, each func(a, b string, same bool)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unescape := strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t")
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		row := strings.Split(lines.Text(), "\t")
		if len(row) == 4 && row[2] != "label" {
			each(unescape.Replace(row[0]), unescape.Replace(row[1]), row[2] == "1")
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// What looks alike and is not the same keeps apart; what people vary comes together.
func TestNormalizers_KeepTrapsApart(t *testing.T) {
	c := loadChain(t)
	pairs(t, filepath.Join("testdata", "traps.tsv"), func(a, b string, same bool) {
		switch x, y := c.normal(t, a), c.normal(t, b); {
		case same && x != y:
			t.Errorf("%q and %q: got %q and %q, want the same", a, b, x, y)
		case !same && x == y:
			t.Errorf("%q and %q: both are %q", a, b, x)
		}
	})
}

// The same for pairs in larger sets, where not all variants are for normalizers to bring together.
func TestNormalizers_KeepGeneratedTrapsApart(t *testing.T) {
	for _, name := range []string{
		"normalization_traps.tsv", "generated.tsv", "paws.tsv", "checklist_qqp.tsv", "math_gsmplus.tsv", "intents.tsv",
	} {
		t.Run(name, func(t *testing.T) {
			path, c := shared(t, name), loadChain(t)
			var variants, merged int
			pairs(t, path, func(a, b string, same bool) {
				switch x, y := c.normal(t, a), c.normal(t, b); {
				case same && x == y:
					variants, merged = variants+1, merged+1
				case same:
					variants++
				case x == y && a != b:
					t.Errorf("%q and %q: both are %q", a, b, x)
				}
			})
			t.Logf("%d of %d variants have the same normal form", merged, variants)
		})
	}
}

// prompt has 200 bytes.
const prompt = "Hi there, could you please explain to me how a transformer model works,  and why the attention layers " +
	"of it need so much memory when the context gets long? I'd like an answer in plain English. Thanks!!"

func BenchmarkNormalizers(b *testing.B) {
	c := loadChain(b)
	b.Run("all", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.normal(b, prompt)
		}
	})
	for _, p := range c {
		b.Run(p.Manifest().Name, func(b *testing.B) {
			for b.Loop() {
				if _, err := p.Normalize(context.Background(), prompt); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
