package layout

import (
	"bytes"
	"fmt"
)

// State is a parsed state. It borrows the bytes it was parsed from.
type State struct {
	layout *Layout
	data   []byte
	slot   int
	tokens int
	spans  []span // one for each section
}

// span says where a section keeps the tokens from first on. Sections that are not there have count 0.
type span struct {
	first, count int
	offsets      []int // of each part's data
}

// Tokens is the number of tokens of the sequence.
func (s *State) Tokens() int { return s.tokens }

// First is the first token that every section holds. It is 0 when the state is whole: llama.cpp leaves
// out what lies outside a sliding window (src/llama-kv-cache.cpp:2084).
func (s *State) First() int {
	first := 0
	for _, sp := range s.spans {
		if sp.count > 0 {
			first = max(first, sp.first)
		}
	}
	return first
}

// Parse checks that blob is the state of the sequence slot with tokens tokens, in this layout.
func (l *Layout) Parse(blob []byte, slot, tokens int) (*State, error) {
	return l.parse(blob, slot, tokens, 0)
}

// ParseWindow is Parse for a state without its first section, as LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY
// gives it (src/llama-kv-cache-iswa.cpp:259).
func (l *Layout) ParseWindow(blob []byte, slot, tokens int) (*State, error) {
	if len(l.sections) < 2 {
		return nil, fmt.Errorf("state: this layout has no sliding window")
	}
	return l.parse(blob, slot, tokens, 1)
}

func (l *Layout) parse(blob []byte, slot, tokens, skip int) (*State, error) {
	if slot < 0 || slot >= l.slots || tokens < 1 || tokens > maxTokens {
		return nil, fmt.Errorf("state: there is no slot %d with %d tokens", slot, tokens)
	}
	r := reader{data: blob}
	r.want(magic, "magic number")
	r.want(uint32(slot), "sequence")
	s := &State{layout: l, data: blob, slot: slot, tokens: tokens, spans: make([]span, len(l.sections))}
	for i := skip; i < len(l.sections) && r.err == nil; i++ {
		s.spans[i] = l.sections[i].parse(&r, slot, l.slots, tokens)
	}
	if r.err == nil && r.at != len(blob) {
		r.fail("%d bytes are left", len(blob)-r.at)
	}
	if r.err != nil {
		return nil, r.err
	}
	return s, nil
}

func (s *section) parse(r *reader, slot, slots, tokens int) span {
	var sp span
	sp.first, sp.count = readCells(r, slot, slots, tokens)
	r.want(s.transposedWord(), "whether values are transposed")
	r.want(uint32(s.layers), "number of layers")
	for _, p := range s.parts {
		if header := r.take(len(p.header), "header of a layer"); r.err == nil && !bytes.Equal(header, p.header) {
			r.fail("header of a layer is %x, want %x", header, p.header)
		}
		sp.offsets = append(sp.offsets, r.at)
		r.take(p.tokenBytes()*sp.count, "a layer's data")
	}
	readEmpty(r, slots-slot-1)
	return sp
}

func (s *section) transposedWord() uint32 {
	if s.transposed {
		return 1
	}
	return 0
}
