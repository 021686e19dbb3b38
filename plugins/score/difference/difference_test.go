package difference_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// A vector is a pair of prompts and whether one answer serves both.
type vector struct {
	Query     string
	Candidate string
	Same      bool
	Type      string // of the difference that decides, where the vector names it
}

func readVectors(t testing.TB) []vector {
	t.Helper()
	var vectors []vector
	for _, name := range []string{"testdata/pairs.jsonl", "testdata/rules.jsonl"} {
		vectors = append(vectors, readFile(t, name)...)
	}
	return vectors
}

func readFile(t testing.TB, name string) (vectors []vector) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatalf("%s:%d: %v", name, len(vectors)+1, err)
		}
		vectors = append(vectors, v)
	}
	return vectors
}

func TestGuard_Vectors(t *testing.T) {
	g := newGuest(t)
	for _, v := range readVectors(t) {
		if got := g.same(v.Query, v.Candidate); got != v.Same {
			t.Errorf("same = %v, want %v\n  %q\n  %q\n  %s", got, v.Same, v.Query, v.Candidate, g.explain(v.Query, v.Candidate).Reason)
		}
		if v.Type != "" && !g.names(v) {
			t.Errorf("no difference of type %q\n  %q\n  %q\n  %+v", v.Type, v.Query, v.Candidate, g.explain(v.Query, v.Candidate))
		}
	}
}

func (g *guest) names(v vector) bool {
	for _, d := range g.explain(v.Query, v.Candidate).Differences {
		if d.Type == v.Type && d.Allowed == v.Same {
			return true
		}
	}
	return false
}

func TestGuard_ABI(t *testing.T) {
	g := newGuest(t)
	version, err := g.mod.ExportedFunction("kvasir_abi_version").Call(t.Context())
	if err != nil || version[0] != 1<<16 {
		t.Errorf("kvasir_abi_version = %v, %v, want 1.0", version, err)
	}
	// The host decodes a manifest strictly: a field it does not know is an error.
	var manifest struct {
		Name, Version string
		Roles         []string
	}
	fields := json.NewDecoder(bytes.NewReader(g.result(g.call("kvasir_init", []byte("{}")))))
	fields.DisallowUnknownFields()
	if err := fields.Decode(&manifest); err != nil || manifest.Name != "difference" || !slices.Equal(manifest.Roles, []string{"score"}) {
		t.Errorf("manifest %+v, %v", manifest, err)
	}
}

func TestGuard_ScoresEveryCandidate(t *testing.T) {
	g := newGuest(t)
	got := g.score("List the moons of Mars", "list the moons of Mars", "List the moons of Saturn", "", "List moons of Mars.", "List the moons of Mars")
	want := []float32{1, 0, 0, 1, 1}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("candidate %d scores %v, want %v", i, got[i], want[i])
		}
	}
	if packed := g.call("kvasir_score", frame("no candidates")); packed != 0 {
		t.Errorf("no candidates give %#x, want 0", packed)
	}
}

func TestGuard_RefusesBrokenFrames(t *testing.T) {
	g := newGuest(t)
	good := frame("a question", "another")
	reserved := frame("a question", "another")
	reserved[4] = 1
	many := binary.LittleEndian.AppendUint32(nil, 1<<30)
	for name, data := range map[string][]byte{
		"empty": {}, "short": good[:10], "cut": good[:len(good)-1], "longer": append(good[:len(good):len(good)], 'x'),
		"reserved flag": reserved, "count": append(many, good[4:]...),
	} {
		for _, export := range []string{"kvasir_score", "kvasir_explain"} {
			if packed := g.call(export, data); packed&failed == 0 {
				t.Errorf("%s of a frame that is %s gives %#x, want an error", export, name, packed)
			}
		}
	}
	if got := g.score("still here", "still here")[0]; got != 1 {
		t.Errorf("score %v after broken frames, want 1", got)
	}
}

// document is prose of about n bytes.
func document(n int) string {
	const text = "The harbour was built by merchants who had grown tired of the long road. Ships came in with the tide, " +
		"and the clerks wrote down what they carried: salt, timber, cloth and 40 barrels of oil. Nobody asked for more. "
	return strings.Repeat(text, n/len(text)+1)
}

func TestGuard_LongTexts(t *testing.T) {
	g := newGuest(t)
	for _, size := range []int{4 << 10, 64 << 10, 1 << 20} {
		doc := document(size)
		middle := doc[:len(doc)/2] + "\nWho paid for the walls?\n" + doc[len(doc)/2:]
		for _, other := range []string{strings.Replace(middle, "Who paid", "Who asked", 1), strings.Replace(middle, "walls", "gates", 1),
			strings.Replace(middle, "40 barrels", "41 barrels", 1), middle + " Why?", "Why? " + middle} {
			if g.same(middle, other) {
				t.Errorf("a changed text of %d bytes passes", len(middle))
			}
		}
		if !g.same(middle, middle+"\n") {
			t.Errorf("a text of %d bytes and a line break does not match itself", len(middle))
		}
	}
	if size := g.mod.Memory().Size(); size > 12<<20 {
		t.Errorf("the guest holds %d bytes after texts of 1 MiB", size)
	}
}

func TestGuard_InvalidUTF8(t *testing.T) {
	g := newGuest(t)
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"what is \xff", "what is \xff ", true},
		{"what is \xff", "What is \xff", false},
		{"what is \xff", "what is \xfe", false},
		{"what is \xc3", "what is é", false},
		{"\xed\xa0\x80", "\xed\xa0\x81", false},
	} {
		if got := g.same(c.a, c.b); got != c.same {
			t.Errorf("same(%q, %q) = %v, want %v", c.a, c.b, got, c.same)
		}
	}
}

func FuzzGuard(f *testing.F) {
	for _, v := range readVectors(f) {
		f.Add(v.Query, v.Candidate)
	}
	f.Add("\xff\xc3", "e\u0301\u200b```\n\t'x\x00")
	g := newGuest(f)
	f.Fuzz(func(t *testing.T, a, b string) {
		g.t = t
		if !g.same(a, a) {
			t.Errorf("%q does not match itself", a)
		}
		g.same(a, b)
	})
}

func BenchmarkScore(b *testing.B) {
	g := newGuest(b)
	short := "Can you explain how photosynthesis works in desert plants, and which of them store water in the stem? " +
		"Please give me three examples with a short note on each, for a school class of ten-year-olds."
	for name, text := range map[string]string{"200B": short[:200-12], "4KB": document(4 << 10)} {
		b.Run(name, func(b *testing.B) {
			data := frame(text, text+" thanks.")
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				g.call("kvasir_score", data)
			}
		})
	}
}
