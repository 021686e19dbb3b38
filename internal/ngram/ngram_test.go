package ngram

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// The vectors of version 1 were made from the package comment by another program. No test rewrites
// them: the hashes are in the stores on people's disks.
func TestAppendSet_GivesTheHashesOfVersion1(t *testing.T) {
	data, err := os.ReadFile("testdata/vectors_v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Unit     string
		Min, Max int
		Text     string
		Grams    []string
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		unit, err := ParseUnit(v.Unit)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, h := range (Spec{unit, v.Min, v.Max}).AppendSet(nil, v.Text) {
			got = append(got, fmt.Sprintf("%016x", h))
		}
		if !slices.Equal(got, v.Grams) {
			t.Errorf("%s %d-%d of %q:\n got %s\nwant %s", v.Unit, v.Min, v.Max, v.Text, got, v.Grams)
		}
	}
}

func TestNextWord_Splits(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		" \t\n\u00a0\u3000":      "",
		"one two  three":         "one|two|three",
		"C++ and C#":             "C|+|+|and|C|#",
		"don't, rock’n’roll":     "don't|,|rock’n’roll",
		"'quoted' dogs' ''a''b'": "'|quoted|'|dogs|'|'|'|a|'|'|b|'",
		"a'":                     "a|'",
		"-625.5":                 "-|625|.|5",
		"x_y a-b":                "x|_|y|a|-|b",
		"Größe e\u0301té":        "Größe|e\u0301té",
		"हिन्दी":                 "हिन्दी",
		"４２ ½ ²":                 "４２|½|²",
		"法国的首都。":                 "法国的首都|。",
		"a\xffb":                 "a|\ufffd|b",
	} {
		var words []string
		for word, rest := nextWord(text); word != ""; word, rest = nextWord(rest) {
			words = append(words, word)
		}
		if got := strings.Join(words, "|"); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestAppendSet_BrokenUTF8CountsAsReplacement(t *testing.T) {
	for _, spec := range benchSpecs {
		got, want := spec.AppendSet(nil, "a\xff\xe2\x82b c"), spec.AppendSet(nil, "a\ufffd\ufffd\ufffdb c")
		if !slices.Equal(got, want) {
			t.Errorf("%v: got %x, want %x", spec, got, want)
		}
	}
}

func TestAppendSet_KeepsWhatIsThereAndReusesIt(t *testing.T) {
	spec := Spec{Char, 2, 3}
	buffer := append(make([]uint64, 0, 100), 9, 1, 9)
	got := spec.AppendSet(buffer, "banana")
	if !slices.Equal(got[:3], []uint64{9, 1, 9}) || !slices.Equal(got[3:], spec.AppendSet(nil, "banana")) {
		t.Errorf("got %x", got)
	}
	if &got[0] != &buffer[0] {
		t.Error("a buffer with room was not used")
	}
}

func TestSpec_CheckSaysWhatIsWrong(t *testing.T) {
	for _, spec := range []Spec{{Char, 0, 3}, {Char, 3, 2}, {Word, 1, MaxN + 1}, {2, 1, 1}, {}} {
		if spec.Check() == nil {
			t.Errorf("%v: got no error", spec)
			continue
		}
		for name, call := range map[string]func(){
			"AppendSet": func() { spec.AppendSet(nil, "a") },
			"Scores":    func() { spec.Scores("a", nil) },
		} {
			if !panics(call) {
				t.Errorf("%s of %v: did not panic", name, spec)
			}
		}
	}
	if _, err := ParseUnit("rune"); err == nil || !strings.Contains(err.Error(), `"rune"`) {
		t.Errorf("got %v, want an error that names the unit", err)
	}
}

func panics(call func()) (did bool) {
	defer func() { did = recover() != nil }()
	call()
	return false
}

func TestJaccard_Vectors(t *testing.T) {
	for _, c := range []struct {
		a, b                 []uint64
		jaccard, containment float64
	}{
		{nil, nil, 0, 0},
		{nil, []uint64{1}, 0, 0},
		{[]uint64{1}, nil, 0, 0},
		{[]uint64{0}, []uint64{0}, 1, 1},
		{[]uint64{1, 2}, []uint64{2, 3, math.MaxUint64}, 0.25, 0.5},
		{[]uint64{1, 5, 9}, []uint64{1, 2, 3, 5, 8, 9}, 0.5, 1},
	} {
		if got := Jaccard(c.a, c.b); got != c.jaccard {
			t.Errorf("Jaccard(%d, %d): got %v, want %v", c.a, c.b, got, c.jaccard)
		}
		if got := Containment(c.a, c.b); got != c.containment {
			t.Errorf("Containment(%d, %d): got %v, want %v", c.a, c.b, got, c.containment)
		}
	}
}

func drawSpec(t *rapid.T) Spec {
	low := rapid.IntRange(1, MaxN).Draw(t, "min")
	return Spec{Unit(rapid.IntRange(0, 1).Draw(t, "unit")), low, rapid.IntRange(low, MaxN).Draw(t, "max")}
}

// drawText makes texts that repeat and share grams.
func drawText(t *rapid.T, label string) string {
	if rapid.IntRange(0, 3).Draw(t, label+" any") == 0 {
		return rapid.String().Draw(t, label)
	}
	piece := rapid.SampledFrom([]string{"a", "b", "ab", " ", "'", "é", "法", "🙂", "\xff", "\x00", ".", "word ", "1"})
	return strings.Join(rapid.SliceOfN(piece, 0, 40).Draw(t, label), "")
}

func TestScores_SayWhatJaccardSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec, query := drawSpec(t), drawText(t, "query")
		candidates := make([]string, rapid.IntRange(0, 6).Draw(t, "n"))
		for i := range candidates {
			candidates[i] = drawText(t, "candidate")
		}
		checkScores(t, spec, query, candidates)
	})
}

// A candidate far greater than the ones before it makes the table grow in the middle of a call.
func TestScores_GrowInTheMiddle(t *testing.T) {
	long := prompts(1, 40_000)[0]
	candidates := []string{"what is", long, "what is", long[:1000], "", long + long}
	for _, spec := range benchSpecs {
		checkScores(t, spec, "what is the capital", candidates)
		checkScores(t, spec, long, candidates)
	}
}

type failer interface {
	Fatalf(format string, args ...any)
}

func checkScores(t failer, spec Spec, query string, candidates []string) {
	scores := spec.Scores(query, candidates)
	if len(scores) != len(candidates) {
		t.Fatalf("got %d scores for %d candidates", len(scores), len(candidates))
	}
	q := spec.AppendSet(nil, query)
	for i, c := range candidates {
		set := spec.AppendSet(nil, c)
		checkSet(t, spec, c, set)
		if want := float32(Jaccard(q, set)); scores[i] != want {
			t.Fatalf("%v %q, %q: got %v, want %v", spec, query, c, scores[i], want)
		}
		if Jaccard(q, set) != Jaccard(set, q) || Jaccard(set, set) != 1 || Containment(set, set) != 1 {
			t.Fatalf("%v %q, %q: not symmetric, or not 1 with itself", spec, query, c)
		}
		if j, k := Jaccard(q, set), Containment(q, set); j < 0 || j > k || k > 1 {
			t.Fatalf("%v %q, %q: Jaccard %v, containment %v", spec, query, c, j, k)
		}
	}
}

func checkSet(t failer, spec Spec, text string, set []uint64) {
	if len(set) == 0 {
		t.Fatalf("%v of %q has no grams", spec, text)
	}
	for i := range set[1:] {
		if set[i] >= set[i+1] {
			t.Fatalf("%v of %q: %x is not ascending", spec, text, set)
		}
	}
	if units := len(text); len(set) > max(1, units*(spec.Max-spec.Min+1)) {
		t.Fatalf("%v of %q has %d grams", spec, text, len(set))
	}
}

// mapOf and mapJaccard are the definition, written down without hashes.
func mapOf(text string, low, high int) map[string]bool {
	runes := []rune(text)
	set := map[string]bool{}
	for n := low; n <= high; n++ {
		for i := 0; i+n <= len(runes); i++ {
			set[string(runes[i:i+n])] = true
		}
	}
	if len(set) == 0 {
		set[string(runes)] = true
	}
	return set
}

func mapJaccard(a, b map[string]bool) float64 {
	n := 0
	for gram := range a {
		if b[gram] {
			n++
		}
	}
	return float64(n) / float64(len(a)+len(b)-n)
}

func TestJaccard_IsTheOneOfTheGramsThemselves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawSpec(t)
		spec.Unit = Char
		a, b := drawText(t, "a"), drawText(t, "b")
		got := Jaccard(spec.AppendSet(nil, a), spec.AppendSet(nil, b))
		want := mapJaccard(mapOf(a, spec.Min, spec.Max), mapOf(b, spec.Min, spec.Max))
		if got != want {
			t.Fatalf("%v %q, %q: got %v, want %v", spec, a, b, got, want)
		}
	})
}

// Signatures and tables take any bits of a hash, so each bit has to be 1 for half of the grams.
func TestHash_MixesEveryBit(t *testing.T) {
	const n = 20_000
	for _, spec := range []Spec{{Char, 1, 1}, {Char, 3, 3}, {Char, 5, 5}, {Word, 1, 1}, {Word, 2, 2}} {
		var ones [64]int
		for i := range n {
			h := spec.AppendSet(nil, sample(spec, i))[0]
			for bit := range ones {
				ones[bit] += int(h >> bit & 1)
			}
		}
		for bit, got := range ones {
			if math.Abs(float64(got)-n/2) > 6*math.Sqrt(n)/2 {
				t.Errorf("%v: bit %d is 1 for %d of %d grams", spec, bit, got, n)
			}
		}
	}
}

// sample returns the i-th of many texts of one gram each.
func sample(spec Spec, i int) string {
	switch {
	case spec.Unit == Word:
		return strings.TrimSpace(strings.Repeat(fmt.Sprintf("w%d ", i), spec.Min))
	case spec.Min == 1:
		return string(rune(0x20 + i))
	}
	return strings.Repeat("a", spec.Min-2) + string(rune(0x100+i)) + "b"
}

func TestScores_ManyGoroutines(t *testing.T) {
	texts := prompts(20, 80)
	want := Spec{Char, 2, 3}.Scores(texts[0], texts)
	done := make(chan bool)
	for range 8 {
		go func() {
			ok := true
			for range 200 {
				ok = ok && slices.Equal(Spec{Char, 2, 3}.Scores(texts[0], texts), want)
			}
			done <- ok
		}()
	}
	for range 8 {
		if !<-done {
			t.Error("scores differ from those of one goroutine")
		}
	}
}

func FuzzScores(f *testing.F) {
	f.Add("what is the capital of france", "what's the capital of Germany?", byte(0), byte(2), byte(3))
	f.Add("", " ", byte(1), byte(2), byte(8))
	f.Add("don''t C++\xff", "’a’", byte(1), byte(1), byte(1))
	f.Fuzz(func(t *testing.T, query, candidate string, unit, low, high byte) {
		spec := Spec{Unit(unit % 2), int(low), int(high)}
		if spec.Check() != nil {
			return
		}
		checkScores(t, spec, query, []string{candidate, query, candidate + query})
		if utf8.ValidString(query) && spec.Scores(query, []string{query})[0] != 1 {
			t.Fatalf("%v %q: not 1 with itself", spec, query)
		}
	})
}
