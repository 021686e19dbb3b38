package schedule

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/internal/base"
)

func run(stops []string, pieces ...string) (chunks []string, a *answer, stopped bool) {
	made := newAnswer(stops)
	a = &made
	for i, p := range pieces {
		out, stop := a.add(base.Token(i), []byte(p))
		chunks = append(chunks, out)
		if stop {
			return chunks, a, true
		}
	}
	return append(chunks, a.flush()), a, false
}

func TestAnswer_StopStrings(t *testing.T) {
	for _, c := range []struct {
		name   string
		stops  []string
		pieces []string
		text   string
		stop   string
		kept   int
	}{
		{"none", nil, []string{"a", "b"}, "ab", "", 2},
		{"whole piece", []string{"END"}, []string{"a", "END", "b"}, "a", "END", 1},
		{"over pieces", []string{"END"}, []string{"aE", "N", "D"}, "a", "END", 0},
		{"false start", []string{"END"}, []string{"EN", "ENx", "E"}, "ENENxE", "", 3},
		{"first in the text wins", []string{"later", "at"}, []string{"what later"}, "wh", "at", 0},
		{"longest at one place wins", []string{"ab", "abc"}, []string{"xabc"}, "x", "abc", 0},
		{"in the middle of a piece", []string{"\n"}, []string{"one", " two\nthree"}, "one two", "\n", 1},
		{"not ASCII", []string{"ß!"}, []string{"Gru\xc3", "\x9f", "x\xc3\x9f", "!"}, "Grußx", "ß!", 2},
	} {
		_, a, _ := run(c.stops, c.pieces...)
		if a.text.String() != c.text || a.stop != c.stop || len(a.kept()) != c.kept {
			t.Errorf("%s: text %q, stop %q, %d tokens kept; want %q, %q, %d", c.name, a.text.String(), a.stop, len(a.kept()), c.text, c.stop, c.kept)
		}
	}
}

func TestAnswer_NeverSplitsACharacter(t *testing.T) {
	const text = "aé€😀z"
	for size := 1; size < len(text); size++ {
		var pieces []string
		for i := 0; i < len(text); i += size {
			pieces = append(pieces, text[i:min(len(text), i+size)])
		}
		chunks, _, _ := run(nil, pieces...)
		for _, chunk := range chunks {
			if !utf8.ValidString(chunk) {
				t.Errorf("pieces of %d bytes gave the chunk %q", size, chunk)
			}
		}
		if got := strings.Join(chunks, ""); got != text {
			t.Errorf("pieces of %d bytes gave %q, want %q", size, got, text)
		}
	}
}

func TestAnswer_BadBytesBecomeReplacementCharacters(t *testing.T) {
	chunks, _, _ := run(nil, "a\xff", "b", "\xe2\x82")
	if got, want := strings.Join(chunks, ""), "a\ufffdb\ufffd"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add("hello EN", "END", uint8(3))
	f.Add("aé€😀z\xff\xc3", "€", uint8(1))
	f.Fuzz(func(t *testing.T, text, stop string, size uint8) {
		if size == 0 || !utf8.ValidString(stop) {
			return
		}
		var stops []string
		if stop != "" {
			stops = []string{stop}
		}
		var pieces []string
		for i := 0; i < len(text); i += int(size) {
			pieces = append(pieces, text[i:min(len(text), i+int(size))])
		}
		chunks, a, _ := run(stops, pieces...)
		joined := strings.Join(chunks, "")
		if joined != a.text.String() {
			t.Errorf("chunks %q, text %q", joined, a.text.String())
		}
		if stop != "" && strings.Contains(joined, stop) {
			t.Errorf("text %q holds the stop string %q", joined, stop)
		}
		if !utf8.ValidString(joined) {
			t.Errorf("text %q is not UTF-8", joined)
		}
		if utf8.ValidString(text) && a.stop == "" && joined != text {
			t.Errorf("text %q became %q", text, joined)
		}
	})
}
