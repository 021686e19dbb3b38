//go:build !wasip1

package guest

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// frame reads worked bytes of the contract.
func frame(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "testdata", "frames", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(content)) {
		code, _, _ := strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(code), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// call does what a host does: it writes the input where alloc says and reads the output.
func call(t testing.TB, f func(ptr, n uint32) uint64, in []byte) (out []byte, failed string) {
	t.Helper()
	ptr := alloc(uint32(len(in)))
	if ptr%8 != 0 {
		t.Fatalf("alloc(%d) is %#x, want a multiple of 8", len(in), ptr)
	}
	copy(input, in)
	result := f(ptr, uint32(len(in)))
	if result>>63 == 1 {
		if uint32(result) == 0 {
			t.Error("the code of an error is 0")
		}
		return nil, lastError
	}
	if result == 0 {
		return nil, ""
	}
	if uint32(result>>32) != address(output) || int(uint32(result)) != len(output) {
		t.Fatalf("the result is %#x, and the output %d bytes at %#x", result, len(output), address(output))
	}
	return slices.Clone(output), ""
}

func TestNormalize_GivesTheTextAndReturnsTheOutput(t *testing.T) {
	upper := func(dst []byte, text string) ([]byte, error) { return append(dst, strings.ToUpper(text)...), nil }
	f := func(ptr, n uint32) uint64 { return Normalize(ptr, n, upper) }
	for _, text := range []string{"", "a", "some words", strings.Repeat("long ", 5000), "short again"} {
		if out, failed := call(t, f, []byte(text)); string(out) != strings.ToUpper(text) || failed != "" {
			t.Errorf("%.20q: got %.20q, %q", text, out, failed)
		}
	}
}

func TestNormalize_AnErrorIsToldToTheHost(t *testing.T) {
	f := func(ptr, n uint32) uint64 {
		return Normalize(ptr, n, func(dst []byte, _ string) ([]byte, error) {
			return append(dst, "half"...), errors.New("the text is odd")
		})
	}
	if out, failed := call(t, f, []byte("a")); out != nil || failed != "the text is odd" {
		t.Errorf("got %q, %q", out, failed)
	}
	g := func(ptr, n uint32) uint64 {
		return Normalize(ptr, n, func(dst []byte, text string) ([]byte, error) { return append(dst, text...), nil })
	}
	if out, _ := call(t, g, []byte("b")); string(out) != "b" {
		t.Errorf("after an error: got %q, want the next text alone", out)
	}
}

func TestScore_ReadsAndWritesTheDrawnBytes(t *testing.T) {
	f := func(ptr, n uint32) uint64 {
		return Score(ptr, n, func(query string, candidates []string, scores []float32) error {
			if query != "cat" || !slices.Equal(candidates, []string{"cat", "cats"}) || !slices.Equal(scores, []float32{0, 0}) {
				t.Errorf("got %q, %q, %v", query, candidates, scores)
			}
			scores[0], scores[1] = 1, 0.5
			return nil
		})
	}
	for range 2 {
		if out, failed := call(t, f, frame(t, "score_in")); !slices.Equal(out, frame(t, "score_out")) || failed != "" {
			t.Errorf("got %x, %q", out, failed)
		}
	}
}

func TestFeatures_SortsAndWritesTheDrawnBytes(t *testing.T) {
	f := func(ptr, n uint32) uint64 {
		return Features(ptr, n, func(dst []uint64, text string) ([]uint64, error) {
			if text == "cat" {
				dst = append(dst, 256, 1, 256)
			}
			return dst, nil
		})
	}
	if out, failed := call(t, f, frame(t, "features_in")); !slices.Equal(out, frame(t, "features_out")) || failed != "" {
		t.Errorf("got %x, %q, want %x", out, failed, frame(t, "features_out"))
	}
}

func TestFeatures_PadsToEight(t *testing.T) {
	f := func(ptr, n uint32) uint64 {
		return Features(ptr, n, func(dst []uint64, text string) ([]uint64, error) { return append(dst, 7), nil })
	}
	for n := range 5 {
		in := []byte{byte(n), 0, 0, 0}
		in = append(in, make([]byte, 4*n)...)
		out, failed := call(t, f, in)
		if want := (4+4*n+7)/8*8 + 8*n; len(out) != want || failed != "" {
			t.Errorf("%d texts: got %d bytes, %q, want %d", n, len(out), failed, want)
		}
	}
}

func TestExplain_IsAboutOneCandidate(t *testing.T) {
	f := func(ptr, n uint32) uint64 {
		return Explain(ptr, n, func(dst []byte, query, candidate string) ([]byte, error) {
			return append(dst, query+"|"+candidate...), nil
		})
	}
	if out, failed := call(t, f, appendScoreFrame(nil, "a", []string{"b"})); string(out) != "a|b" || failed != "" {
		t.Errorf("got %q, %q", out, failed)
	}
	if _, failed := call(t, f, appendScoreFrame(nil, "a", []string{"b", "c"})); failed == "" {
		t.Error("two candidates are explained")
	}
}

func TestFrames_AreWrittenAsDrawn(t *testing.T) {
	if got, want := appendScoreFrame(nil, "cat", []string{"cat", "cats"}), frame(t, "score_in"); !slices.Equal(got, want) {
		t.Errorf("score frame: got %x, want %x", got, want)
	}
	if got, want := appendSetFrame(nil, []uint64{1, 256}, [][]uint64{{}}), frame(t, "features_out"); !slices.Equal(got, want) {
		t.Errorf("set frame: got %x, want %x", got, want)
	}
}

func TestInit_ConfiguresAndReturnsTheManifest(t *testing.T) {
	defer func() { manifest, configure = "", nil }()
	if out, failed := call(t, start, []byte("{}")); out != nil || failed != "" {
		t.Errorf("without a manifest: got %q, %q", out, failed)
	}
	told := ""
	Describe(`{"name":"a"}`)
	OnInit(func(init []byte) error { told = string(init); return nil })
	if out, failed := call(t, start, []byte(`{"abi":"1.0"}`)); string(out) != `{"name":"a"}` || failed != "" || told != `{"abi":"1.0"}` {
		t.Errorf("got %q, %q, told %q", out, failed, told)
	}
	OnInit(func([]byte) error { return errors.New("the config lacks a unit") })
	if _, failed := call(t, start, nil); failed != "the config lacks a unit" {
		t.Errorf("got %q", failed)
	}
}

// A buffer of its own for every call would be garbage of its own for every call.
func TestCall_AllocatesNothingOnceItIsWarm(t *testing.T) {
	in := appendScoreFrame(nil, "query", []string{"a", "b", "c"})
	score := func(query string, candidates []string, scores []float32) error { scores[0] = 1; return nil }
	f := func() {
		ptr := alloc(uint32(len(in)))
		copy(input, in)
		Score(ptr, uint32(len(in)), score)
	}
	f()
	if n := testing.AllocsPerRun(100, f); n > 0 {
		t.Errorf("a call makes %v allocations, want none", n)
	}
}

func TestInput_OnlyLiesWhereAllocSaid(t *testing.T) {
	alloc(8)
	defer func() {
		if recover() == nil {
			t.Error("an input that lies elsewhere was read")
		}
	}()
	inputAt(address(input)+8, 8)
}

func FuzzReadScoreFrame(f *testing.F) {
	f.Add(frame(f, "score_in"))
	f.Fuzz(func(t *testing.T, in []byte) {
		query, candidates, err := readScoreFrame(in)
		if err == nil && !slices.Equal(appendScoreFrame(nil, query, candidates), in) {
			t.Fatalf("%x is read as %q and %q", in, query, candidates)
		}
	})
}

func FuzzReadFeaturesFrame(f *testing.F) {
	f.Add(frame(f, "features_in"))
	f.Fuzz(func(t *testing.T, in []byte) {
		texts, err := readFeaturesFrame(in)
		size := 4 + 4*len(texts)
		for _, text := range texts {
			size += len(text)
		}
		if err == nil && size != len(in) {
			t.Fatalf("%x is read as %q, which is %d bytes", in, texts, size)
		}
	})
}

// fakeHost answers a host function that fills a buffer.
type fakeHost struct {
	answer string
	calls  int
}

func (h *fakeHost) get(buf []byte) int32 {
	h.calls++
	if len(h.answer) <= len(buf) {
		copy(buf, h.answer)
	}
	return int32(len(h.answer))
}

func TestFill_AsksAgainWithEnoughRoom(t *testing.T) {
	for _, c := range []struct {
		answer string
		room   int
		calls  int
	}{{"", 0, 1}, {"abc", 8, 1}, {"abc", 0, 2}, {strings.Repeat("x", 10_000), 16, 2}} {
		h := &fakeHost{answer: c.answer}
		got, ok := fill(append(make([]byte, 0, 2+c.room), "> "...), h.get)
		if !ok || string(got) != "> "+c.answer || h.calls != c.calls {
			t.Errorf("%.10q: got %.10q, %v in %d calls, want %d", c.answer, got, ok, h.calls, c.calls)
		}
	}
	if got, ok := fill([]byte("kept"), func([]byte) int32 { return -1 }); ok || string(got) != "kept" {
		t.Errorf("absent: got %q, %v", got, ok)
	}
}
