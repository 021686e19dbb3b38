package layout

import (
	"encoding/binary"
	"fmt"
)

// Cut appends the payload of the tokens from from up to to to dst. Every section must hold them.
func (l *Layout) Cut(dst []byte, s *State, from, to int) ([]byte, error) {
	if s.layout != l || from < s.First() || from >= to || to > s.tokens {
		return nil, fmt.Errorf("state of %d tokens: its tokens %d to %d cannot be cut out", s.tokens, from, to)
	}
	start := len(dst)
	dst = grow(dst, start+(to-from)*l.TokenBytes())
	l.copyTokens(dst[start:], l.payloadSpans(from, to-from), s.data, s.spans, from, to)
	return dst, nil
}

// payloadSpans says where a payload keeps its tokens: section by section, part by part.
func (l *Layout) payloadSpans(first, count int) []span {
	spans := make([]span, len(l.sections))
	at := 0
	for i := range l.sections {
		spans[i] = span{first: first, count: count, offsets: make([]int, 0, len(l.sections[i].parts))}
		for _, p := range l.sections[i].parts {
			spans[i].offsets = append(spans[i].offsets, at)
			at += p.tokenBytes() * count
		}
	}
	return spans
}

// copyTokens copies the tokens from from up to to of every section that both sides have.
func (l *Layout) copyTokens(dst []byte, to []span, src []byte, at []span, from, end int) {
	for i := range l.sections {
		if to[i].count == 0 || at[i].count == 0 {
			continue
		}
		for j, p := range l.sections[i].parts {
			d := to[i].offsets[j] + (from-to[i].first)*p.width
			s := at[i].offsets[j] + (from-at[i].first)*p.width
			n := (end - from) * p.width
			for range p.channels {
				copy(dst[d:d+n], src[s:s+n])
				d += to[i].count * p.width
				s += at[i].count * p.width
			}
		}
	}
}

// Joint is a state being put together.
type Joint struct {
	layout *Layout
	data   []byte
	spans  []span
	tokens int
}

// Join begins the state of the sequence slot with tokens tokens, in the memory of buf if that is long
// enough. What is not Put stays as it was in buf.
func (l *Layout) Join(buf []byte, slot, tokens int) (*Joint, error) {
	if slot < 0 || slot >= l.slots || tokens < 1 || tokens > maxTokens {
		return nil, fmt.Errorf("state: there is no slot %d with %d tokens", slot, tokens)
	}
	j := &Joint{layout: l, data: grow(buf[:0], l.Size(tokens)), tokens: tokens}
	w := writer{data: j.data}
	w.word(magic)
	w.word(uint32(slot))
	for i := range l.sections {
		j.spans = append(j.spans, l.sections[i].put(&w, slot, l.slots, tokens))
	}
	return j, nil
}

// Put copies the payload of the tokens from from on to its place. Calls for different tokens may run at
// the same time.
func (j *Joint) Put(from int, payload []byte) error {
	each := j.layout.TokenBytes()
	if each == 0 || len(payload) == 0 || len(payload)%each != 0 {
		return fmt.Errorf("state: a payload of %d bytes does not hold tokens of %d bytes", len(payload), each)
	}
	n := len(payload) / each
	if from < 0 || n > j.tokens-from {
		return fmt.Errorf("state: a payload of %d tokens at %d does not fit into %d", n, from, j.tokens)
	}
	j.layout.copyTokens(j.data, j.spans, payload, j.layout.payloadSpans(from, n), from, from+n)
	return nil
}

// PutState copies the tokens from from up to to of each section that s has.
func (j *Joint) PutState(s *State, from, to int) error {
	if s.layout != j.layout || from < 0 || from < s.First() || from >= to || to > min(s.tokens, j.tokens) {
		return fmt.Errorf("state of %d tokens: its tokens %d to %d cannot be joined", s.tokens, from, to)
	}
	j.layout.copyTokens(j.data, j.spans, s.data, s.spans, from, to)
	return nil
}

// PutFull copies all tokens of the sections that hold them all.
func (j *Joint) PutFull(s *State) error {
	if s.layout != j.layout || s.tokens != j.tokens {
		return fmt.Errorf("state of %d tokens: it is not one of %d", s.tokens, j.tokens)
	}
	full := *s
	full.spans = make([]span, len(s.spans))
	for i, sp := range s.spans {
		if sp.first == 0 {
			full.spans[i] = sp
		}
	}
	j.layout.copyTokens(j.data, j.spans, full.data, full.spans, 0, s.tokens)
	return nil
}

// Bytes returns the state, in the memory that Join was given or took.
func (j *Joint) Bytes() []byte { return j.data }

// grow returns b with length n, in its own memory if that is enough.
func grow(b []byte, n int) []byte {
	if n <= cap(b) {
		return b[:n]
	}
	return append(make([]byte, 0, n), b...)[:n]
}

// writer puts words into bytes that are long enough.
type writer struct {
	data []byte
	at   int
}

func (w *writer) word(v uint32) {
	binary.LittleEndian.PutUint32(w.data[w.at:], v)
	w.at += 4
}

// put writes all of a section but its data, and returns where that goes.
func (s *section) put(w *writer, slot, slots, tokens int) span {
	w.word(uint32(slots))
	for range slot {
		w.word(0)
	}
	w.word(uint32(tokens))
	for t := range tokens {
		w.word(uint32(t))
		w.word(1)
		w.word(uint32(slot))
	}
	w.word(s.transposedWord())
	w.word(uint32(s.layers))
	sp := span{count: tokens}
	for _, p := range s.parts {
		w.at += copy(w.data[w.at:], p.header)
		sp.offsets = append(sp.offsets, w.at)
		w.at += p.tokenBytes() * tokens
	}
	for range slots - slot - 1 {
		w.word(0)
	}
	return sp
}

// TokenBytes is the length of the payload of one token.
func (j *Joint) TokenBytes() int { return j.layout.TokenBytes() }
