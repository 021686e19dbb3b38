package layout

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

// cache describes one section of a state that a test makes up.
type cache struct {
	transposed bool
	keys       []int // bytes of a token in each layer
	values     []int // the same; nil where the model keeps none
	element    int   // bytes of a value, where transposed
	window     int   // tokens it holds; 0 means all
}

var (
	plain     = []cache{{transposed: true, keys: []int{128, 128}, values: []int{128, 128}, element: 2}}
	rows      = []cache{{keys: []int{34, 68}, values: []int{34, 68}}}
	float32s  = []cache{{transposed: true, keys: []int{64}, values: []int{64}, element: 4}}
	keysOnly  = []cache{{keys: []int{100, 100, 100}}}
	uneven    = []cache{{transposed: true, keys: []int{16, 48}, values: []int{8, 24}, element: 2}}
	windowed  = []cache{{transposed: true, keys: []int{32}, values: []int{32}, element: 2}, {transposed: true, keys: []int{32, 32}, values: []int{32, 32}, element: 2}}
	noBase    = []cache{{}, {keys: []int{32}, values: []int{32}}}
	allShapes = map[string][]cache{"plain": plain, "rows": rows, "float32": float32s, "keys only": keysOnly,
		"uneven": uneven, "windowed": windowed, "no base layers": noBase}
)

// value is the byte i of a token in a part: a state differs everywhere.
func value(section, part, token, i int) byte {
	x := uint32(section*7919+part*104729+token*1299709+i*15485863) * 2654435761
	return byte(x >> 24)
}

// encode writes a state as llama.cpp does.
func encode(caches []cache, slot, slots, tokens int) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(le.AppendUint32(nil, magic), uint32(slot))
	for i, c := range caches {
		first := 0
		if c.window > 0 {
			first = max(0, tokens-c.window)
		}
		b = le.AppendUint32(b, uint32(slots))
		for stream := range slots {
			if stream != slot {
				b = le.AppendUint32(b, 0)
				continue
			}
			b = le.AppendUint32(b, uint32(tokens-first))
			for t := first; t < tokens; t++ {
				b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, uint32(t)), 1), uint32(slot))
			}
			b = encodeParts(b, c, i, first, tokens)
		}
	}
	return b
}

func encodeParts(b []byte, c cache, section, first, tokens int) []byte {
	le := binary.LittleEndian
	transposed := uint32(0)
	if c.transposed {
		transposed = 1
	}
	b = le.AppendUint32(le.AppendUint32(b, transposed), uint32(len(c.keys)))
	for p, width := range slices.Concat(c.keys, c.values) {
		channels := 1
		b = le.AppendUint32(b, 1) // type
		if p >= len(c.keys) && c.transposed {
			channels, width = width/c.element, c.element
			b = le.AppendUint32(le.AppendUint32(b, uint32(width)), uint32(channels))
		} else {
			b = le.AppendUint64(b, uint64(width))
		}
		for ch := range channels {
			for t := first; t < tokens; t++ {
				for i := range width {
					b = append(b, value(section, p, t, ch*width+i))
				}
			}
		}
	}
	return b
}

func learned(t testing.TB, caches []cache, slot, slots int) *Layout {
	t.Helper()
	l, err := Learn(encode(caches, slot, slots, 10), slot, slots, 10)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func parsed(t testing.TB, l *Layout, blob []byte, slot, tokens int) *State {
	t.Helper()
	s, err := l.Parse(blob, slot, tokens)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLayout_PiecesJoinToTheSameBytes(t *testing.T) {
	for name, caches := range allShapes {
		for _, slots := range []int{1, 3} {
			slot := slots - 1
			l := learned(t, caches, 0, slots)
			blob := encode(caches, slot, slots, 150)
			if len(blob) != l.Size(150) {
				t.Errorf("%s: %d bytes, Size says %d", name, len(blob), l.Size(150))
			}
			s := parsed(t, l, blob, slot, 150)
			j, err := l.Join(bytes.Repeat([]byte{0xee}, len(blob)), slot, 150)
			if err != nil {
				t.Fatal(err)
			}
			for _, cut := range [][2]int{{64, 128}, {0, 64}, {128, 150}} {
				payload, err := l.Cut(nil, s, cut[0], cut[1])
				if err != nil {
					t.Fatal(err)
				}
				if want := (cut[1] - cut[0]) * l.TokenBytes(); len(payload) != want {
					t.Errorf("%s: payload has %d bytes, want %d", name, len(payload), want)
				}
				if err := j.Put(cut[0], payload); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(j.Bytes(), blob) {
				t.Errorf("%s in slot %d of %d: the joined state differs from the one that was cut", name, slot, slots)
			}
		}
	}
}

// A chunk that was cut from one sequence must fit into any other slot of another context.
func TestLayout_MovesBetweenSlots(t *testing.T) {
	from, to := learned(t, plain, 0, 1), learned(t, plain, 1, 4)
	payload, err := from.Cut(nil, parsed(t, from, encode(plain, 0, 1, 70), 0, 70), 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	j, err := to.Join(nil, 2, 64)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Put(0, payload); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(j.Bytes(), encode(plain, 2, 4, 64)) {
		t.Error("a payload of one context gave another state in the slot of another")
	}
}

// llama.cpp gives out only the window of a sliding cache. A whole state is put together from several.
func TestLayout_WindowsJoinToAWholeState(t *testing.T) {
	const tokens, window = 100, 30
	l := learned(t, windowed, 0, 2)
	cut := slices.Clone(windowed)
	cut[1].window = window
	whole := encode(windowed, 1, 2, tokens)
	s := parsed(t, l, encode(cut, 1, 2, tokens), 1, tokens)
	if s.First() != tokens-window {
		t.Fatalf("the window begins at %d, want %d", s.First(), tokens-window)
	}
	if _, err := l.Cut(nil, s, 64, 100); err == nil {
		t.Error("tokens outside the window were cut out")
	}
	j, err := l.Join(nil, 1, tokens)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.PutFull(s); err != nil {
		t.Fatal(err)
	}
	for end := tokens; end > 0; end = max(0, end-window) {
		w, err := l.ParseWindow(encodeWindow(cut[1], 1, 2, end), 1, end)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.PutState(w, w.First(), end); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(j.Bytes(), whole) {
		t.Error("the windows joined to another state than the whole one")
	}
}

// encodeWindow writes the second section alone, with the values of a second section.
func encodeWindow(c cache, slot, slots, tokens int) []byte {
	both := encode([]cache{{}, c}, slot, slots, tokens)
	empty := encode([]cache{{}}, slot, slots, tokens)
	return append(slices.Clone(both[:headBytes]), both[len(empty):]...)
}

func TestLearn_RefusesWhatItDoesNotKnow(t *testing.T) {
	good := encode(plain, 1, 2, 10)
	changed := func(at int, b byte) []byte {
		c := slices.Clone(good)
		c[at] ^= b
		return c
	}
	cells := headBytes + 4 + 4 + 4
	for name, tt := range map[string]struct {
		blob []byte
		want string
	}{
		"empty":             {nil, "magic"},
		"another magic":     {changed(0, 1), "magic"},
		"another sequence":  {changed(4, 1), "sequence"},
		"one stream":        {changed(8, 3), "streams"},
		"other stream used": {changed(12, 1), "another stream"},
		"too many cells":    {changed(16, 0x40), "cells hold"},
		"no cells":          {changed(16, 10), "cells hold"},
		"position":          {changed(cells, 1), "position"},
		"two sequences":     {changed(cells+4, 3), "sequences"},
		"transposed":        {changed(cells+10*cellBytes, 2), "transposed"},
		"layers":            {changed(cells+10*cellBytes+6, 1), "channels of"},
		"row":               {changed(cells+10*cellBytes+8+10, 1), "channels of"},
		"cut":               {good[:len(good)-1], "left"},
		"longer":            {append(slices.Clone(good), 0), "needs"},
	} {
		_, err := Learn(tt.blob, 1, 2, 10)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error is %v, want one with %q", name, err, tt.want)
		}
	}
}

func TestParse_RefusesAnotherShape(t *testing.T) {
	l := learned(t, plain, 0, 2)
	for name, caches := range allShapes {
		if name == "plain" {
			continue
		}
		if _, err := l.Parse(encode(caches, 0, 2, 10), 0, 10); err == nil {
			t.Errorf("a state of the shape %q was taken for a plain one", name)
		}
	}
	if _, err := l.Parse(encode(plain, 0, 2, 10), 0, 11); err == nil {
		t.Error("a state of 10 tokens was taken for one of 11")
	}
}

func TestJoint_RefusesPayloadsThatDoNotFit(t *testing.T) {
	l := learned(t, plain, 0, 1)
	j, err := l.Join(nil, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ from, bytes int }{
		"empty": {0, 0}, "odd length": {0, l.TokenBytes() + 1}, "past the end": {64, 64 * l.TokenBytes()}, "negative": {-1, l.TokenBytes()},
	} {
		if err := j.Put(tt.from, make([]byte, tt.bytes)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// FuzzLearn feeds anything to the decoder. What it accepts must survive cutting and joining.
func FuzzLearn(f *testing.F) {
	for _, caches := range allShapes {
		f.Add(encode(caches, 0, 2, 5), uint8(0), uint8(2), uint8(5))
	}
	cut := slices.Clone(windowed)
	cut[1].window = 3
	f.Add(encode(cut, 0, 1, 5), uint8(0), uint8(1), uint8(5))
	f.Fuzz(func(t *testing.T, blob []byte, slot, slots, tokens uint8) {
		l, err := Learn(blob, int(slot), int(slots), int(tokens))
		if err != nil {
			return
		}
		s, err := l.Parse(blob, int(slot), int(tokens))
		if err != nil {
			t.Fatalf("learned but not parsed: %v", err)
		}
		if s.First() > 0 {
			return
		}
		j, err := l.Join(nil, int(slot), int(tokens))
		if err != nil {
			t.Fatal(err)
		}
		for from := range int(tokens) {
			payload, err := l.Cut(nil, s, from, from+1)
			if err != nil {
				t.Fatal(err)
			}
			if len(payload) == 0 {
				return // no layer at all
			}
			if err := j.Put(from, payload); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(j.Bytes(), blob) {
			t.Error("cut and joined to other bytes")
		}
	})
}

// smol is the shape of SmolLM2-135M with F16 keys and values: 22.5 MiB for 1,024 tokens.
func smol() []cache {
	c := cache{transposed: true, element: 2}
	for range 30 {
		c.keys, c.values = append(c.keys, 384), append(c.values, 384)
	}
	return []cache{c}
}

func BenchmarkJoin_SmolLM2(b *testing.B) {
	const tokens, chunk = 1024, 64
	l := learned(b, smol(), 0, 1)
	payload := make([]byte, chunk*l.TokenBytes())
	for i := range payload {
		payload[i] = byte(rand.Uint32())
	}
	buf := make([]byte, l.Size(tokens))
	b.SetBytes(int64(tokens * l.TokenBytes()))
	b.ReportAllocs()
	for b.Loop() {
		j, err := l.Join(buf, 0, tokens)
		if err != nil {
			b.Fatal(err)
		}
		var all sync.WaitGroup
		for half := range 2 {
			all.Go(func() {
				for from := half * chunk; from < tokens; from += 2 * chunk {
					_ = j.Put(from, payload)
				}
			})
		}
		all.Wait()
	}
}

func BenchmarkCut_SmolLM2(b *testing.B) {
	const tokens, chunk = 1024, 64
	l := learned(b, smol(), 0, 1)
	j, err := l.Join(nil, 0, tokens)
	if err != nil {
		b.Fatal(err)
	}
	s := parsed(b, l, j.Bytes(), 0, tokens)
	var payload []byte
	b.SetBytes(int64(tokens * l.TokenBytes()))
	b.ReportAllocs()
	for b.Loop() {
		for from := 0; from < tokens; from += chunk {
			if payload, err = l.Cut(payload[:0], s, from, from+chunk); err != nil {
				b.Fatal(err)
			}
		}
	}
}
