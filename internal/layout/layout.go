package layout

import (
	"encoding/binary"
	"fmt"
)

// Words of the format, with the line in llama.cpp v0.5.0 that writes them.
const (
	magic     = 0xaf143cd8 // src/llama-context.cpp:3142
	headBytes = 4 + 4      // magic, i32 sequence (:3163)
	cellBytes = 4 + 4 + 4  // i32 position, u32 number of sequences, i32 sequence (src/llama-kv-cache.cpp:2205)
	rowHeader = 4 + 8      // i32 type, u64 bytes of a row (:2258)
	colHeader = 4 + 4 + 4  // i32 type, u32 bytes of an element, u32 channels (:2313)
)

// Limits on what a state may claim about itself.
const (
	maxTokens   = 1 << 24
	maxSections = 4
	maxPart     = 1 << 32 // bytes of one token in one layer's keys or values
)

// Layout is the shape of the state of one model under one set of options. It does not change and may be
// used from many goroutines at once.
type Layout struct {
	slots    int // sequences of the context, each with a stream of its own
	sections []section
}

// section is one cache of the model: there is one of full attention, and one more of a sliding window.
type section struct {
	transposed bool
	layers     int
	parts      []part // keys of every layer, then values of every layer
}

// part is the keys or the values of one layer. The cells of a token are channels pieces of width bytes;
// transposed values have all tokens of the first channel first.
type part struct {
	header   []byte // as it stands in front of the data
	channels int
	width    int
}

func (p part) tokenBytes() int { return p.channels * p.width }

// TokenBytes is the length of the payload of one token.
func (l *Layout) TokenBytes() int {
	n := 0
	for _, s := range l.sections {
		n += s.tokenBytes()
	}
	return n
}

func (s *section) tokenBytes() int {
	n := 0
	for _, p := range s.parts {
		n += p.tokenBytes()
	}
	return n
}

// Sections is the number of caches: 1 for full attention, 2 with a sliding window.
func (l *Layout) Sections() int { return len(l.sections) }

// Size is the length of the whole state of a number of tokens.
func (l *Layout) Size(tokens int) int {
	n := headBytes
	for _, s := range l.sections {
		n += s.size(l.slots, tokens)
	}
	return n
}

func (s *section) size(slots, tokens int) int {
	n := 4 + 4*slots // number of streams, cells of each
	if tokens == 0 {
		return n
	}
	n += cellBytes*tokens + 4 + 4 // cells, transposed, number of layers
	for _, p := range s.parts {
		n += len(p.header) + p.tokenBytes()*tokens
	}
	return n
}

// reader takes numbers from the front of some bytes. After the first failure it gives zeros.
type reader struct {
	data []byte
	at   int
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("state at byte %d: "+format, append([]any{r.at}, args...)...)
	}
}

// take returns the next n bytes, which stay part of the data.
func (r *reader) take(n int, what string) []byte {
	if r.err == nil && (n < 0 || n > len(r.data)-r.at) {
		r.fail("%s needs %d bytes, %d are left", what, n, len(r.data)-r.at)
	}
	if r.err != nil {
		return nil
	}
	b := r.data[r.at : r.at+n : r.at+n]
	r.at += n
	return b
}

func (r *reader) u32(what string) uint32 {
	b := r.take(4, what)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

// want reads a u32 that must have a value.
func (r *reader) want(v uint32, what string) {
	if got := r.u32(what); r.err == nil && got != v {
		r.at -= 4
		r.fail("%s is %d, want %d", what, int32(got), int32(v))
	}
}
