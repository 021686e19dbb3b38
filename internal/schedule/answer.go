package schedule

import (
	"strings"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// answer turns the pieces of an answer into text. Text leaves it in whole characters, and no part
// of a stop string ever does. Bytes that are not UTF-8 become U+FFFD.
type answer struct {
	stops []string

	raw    []byte // bytes of an unfinished character
	held   string // text that may be the beginning of a stop string
	text   strings.Builder
	tokens []base.Token
	ends   []int  // for each token, the length of all text up to and with it
	stop   string // the stop string that matched
}

func newAnswer(stops []string) answer { return answer{stops: stops} }

// add appends a token and returns the text that may go out now, and whether a stop string ended
// the answer.
func (a *answer) add(token base.Token, piece []byte) (out string, stopped bool) {
	a.raw = append(a.raw, piece...)
	var whole string
	whole, a.raw = splitCharacters(a.raw)
	a.held += whole
	a.tokens = append(a.tokens, token)
	a.ends = append(a.ends, a.text.Len()+len(a.held))
	return a.release()
}

// release gives out the part of the held text that no stop string can touch any more.
func (a *answer) release() (out string, stopped bool) {
	if at, stop := earliest(a.held, a.stops); stop != "" {
		out, a.stop, a.held, a.raw = a.held[:at], stop, "", nil
	} else {
		keep := longestOverlap(a.held, a.stops)
		out, a.held = a.held[:len(a.held)-keep], a.held[len(a.held)-keep:]
	}
	a.text.WriteString(out)
	return out, a.stop != ""
}

// flush gives out what is left when the answer ends for another reason.
func (a *answer) flush() string {
	rest := a.held + strings.ToValidUTF8(string(a.raw), string(utf8.RuneError))
	if a.stop != "" {
		rest = ""
	}
	a.held, a.raw = "", nil
	a.text.WriteString(rest)
	return rest
}

// kept returns the tokens of the text; with a stop string, those that end before it begins.
func (a *answer) kept() []base.Token {
	n := len(a.tokens)
	if a.stop != "" {
		for n > 0 && a.ends[n-1] > a.text.Len() {
			n--
		}
	}
	return a.tokens[:n:n]
}

// splitCharacters returns the longest run of whole characters in b as valid UTF-8, and the bytes of
// an unfinished character behind it.
func splitCharacters(b []byte) (string, []byte) {
	cut := len(b)
	for back := 1; back <= min(len(b), utf8.UTFMax-1); back++ {
		start := len(b) - back
		if utf8.RuneStart(b[start]) {
			if !utf8.FullRune(b[start:]) {
				cut = start
			}
			break
		}
	}
	return strings.ToValidUTF8(string(b[:cut]), string(utf8.RuneError)), b[cut:]
}

// earliest finds the stop string that begins first in text, the longest of those at one place.
func earliest(text string, stops []string) (at int, stop string) {
	for _, s := range stops {
		i := strings.Index(text, s)
		if i >= 0 && (stop == "" || i < at || i == at && len(s) > len(stop)) {
			at, stop = i, s
		}
	}
	return at, stop
}

// longestOverlap returns the length of the longest end of text that is the beginning of a stop string.
func longestOverlap(text string, stops []string) int {
	longest := 0
	for _, s := range stops {
		for n := min(len(text), len(s)-1); n > longest; n-- {
			if strings.HasSuffix(text, s[:n]) {
				longest = n
			}
		}
	}
	return longest
}
