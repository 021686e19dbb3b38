package layout

import (
	"encoding/binary"
	"errors"
)

// Learn works out the layout from the state of the sequence slot, which holds tokens tokens at the
// positions from 0, in a context of that many slots. The state must be understood to its last byte.
func Learn(blob []byte, slot, slots, tokens int) (*Layout, error) {
	if slots < 1 || slot < 0 || slot >= slots || tokens < 1 || tokens > maxTokens {
		return nil, errors.New("state: the caller's numbers of slots and tokens make no sense")
	}
	r := reader{data: blob}
	r.want(magic, "magic number")
	r.want(uint32(slot), "sequence")
	if r.err != nil {
		return nil, r.err
	}
	sections, err := learnSections(r, slot, slots, tokens, maxSections)
	if err != nil {
		return nil, err
	}
	return &Layout{slots: slots, sections: sections}, nil
}

// learnSections learns the rest of a state, to its end, in at most room sections. A state does not say
// whether a cache holds values at all (some models derive them from the keys), so both are tried.
func learnSections(r reader, slot, slots, tokens, room int) ([]section, error) {
	if r.at == len(r.data) && room < maxSections {
		return nil, nil
	}
	if room == 0 {
		r.fail("%d bytes are left behind %d caches", len(r.data)-r.at, maxSections)
		return nil, r.err
	}
	var first error
	for _, values := range []bool{true, false} {
		try := r
		s := learnSection(&try, slot, slots, tokens, values)
		err := try.err
		if err == nil {
			var rest []section
			if rest, err = learnSections(try, slot, slots, tokens, room-1); err == nil {
				return append([]section{s}, rest...), nil
			}
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

func learnSection(r *reader, slot, slots, tokens int, values bool) section {
	var s section
	_, count := readCells(r, slot, slots, tokens)
	transposed := r.u32("whether values are transposed")
	layers := r.u32("number of layers")
	if transposed > 1 {
		r.fail("transposed is %d, want 0 or 1", transposed)
	}
	s.transposed, s.layers = transposed == 1, int(layers)
	for i := 0; i < int(layers) && r.err == nil; i++ {
		s.learnPart(r, false, count)
	}
	for i := 0; values && i < int(layers) && r.err == nil; i++ {
		s.learnPart(r, s.transposed, count)
	}
	readEmpty(r, slots-slot-1)
	return s
}

// learnPart takes a header, which says how long the data behind it is, and skips the data.
func (s *section) learnPart(r *reader, transposed bool, count int) {
	if r.err != nil {
		return
	}
	p := part{channels: 1}
	width := uint64(0)
	if transposed {
		p.header = r.take(colHeader, "header of a layer's values")
		if p.header != nil {
			width = uint64(binary.LittleEndian.Uint32(p.header[4:]))
			p.channels = int(binary.LittleEndian.Uint32(p.header[8:]))
		}
	} else if p.header = r.take(rowHeader, "header of a layer"); p.header != nil {
		width = binary.LittleEndian.Uint64(p.header[4:])
	}
	if r.err == nil && (width == 0 || p.channels == 0 || width > maxPart || uint64(p.channels) > maxPart/width) {
		r.fail("a layer has %d channels of %d bytes", p.channels, width)
	}
	p.width = int(width)
	r.take(p.tokenBytes()*count, "a layer's data")
	if r.err != nil {
		return
	}
	p.header = append([]byte(nil), p.header...)
	s.parts = append(s.parts, p)
}

// readCells reads the front of a section, up to the cells of the stream of slot. It wants those in order
// of position and without a gap, the last at tokens-1, and nothing in the streams before. It returns the
// position of the first.
func readCells(r *reader, slot, slots, tokens int) (first, count int) {
	r.want(uint32(slots), "number of streams")
	readEmpty(r, slot)
	cells := r.u32("number of cells")
	if r.err == nil && (cells == 0 || int64(cells) > int64(tokens)) {
		r.fail("%d cells hold %d tokens", cells, tokens)
	}
	if r.err != nil {
		return 0, 0
	}
	first, count = tokens-int(cells), int(cells)
	checkCells(r, slot, first, r.take(cellBytes*count, "cells"))
	return first, count
}

// readEmpty reads n streams that hold nothing.
func readEmpty(r *reader, n int) {
	for range n {
		r.want(0, "number of cells in another stream")
	}
}

func checkCells(r *reader, slot, first int, cells []byte) {
	for i := 0; len(cells) >= cellBytes; i, cells = i+1, cells[cellBytes:] {
		position := binary.LittleEndian.Uint32(cells)
		sequences := binary.LittleEndian.Uint32(cells[4:])
		sequence := binary.LittleEndian.Uint32(cells[8:])
		if position != uint32(first+i) || sequences != 1 || sequence != uint32(slot) {
			r.fail("cell %d has position %d of %d sequences (%d), want position %d of sequence %d alone",
				i, int32(position), sequences, int32(sequence), first+i, slot)
			return
		}
	}
}
