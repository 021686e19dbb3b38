package ngram

import (
	"math/bits"
	"math/rand/v2"
)

// table is a hash table of the grams of a query, in which the grams of one candidate at a time are
// looked up and, where they are not of the query, gathered, so that each counts once. Forgetting a
// candidate costs nothing: its slots belong to a past round.
//
// A query's slots are filled first and never again, so a search for one of its grams passes only slots
// that were full then, and may end at the first that is not full now.
type table struct {
	slots []slot
	shift uint
	round uint32
}

type slot struct {
	gram  uint64
	round uint32 // in which the gram was seen last
	query uint32 // 1 for a gram of the query, else 0
}

// spread is an odd number, another in each process, that gives a gram its slot. Without it a text could
// be made whose grams all want the same one.
var spread = rand.Uint64() | 1

// reset makes t hold the grams of a query, which may be repeated, with room for as many as room others,
// and returns how many different ones the query has.
func (t *table) reset(query []uint64, room int) (distinct int) {
	t.resize(len(query) + room)
	t.round = 1
	distinct, _ = t.add(query)
	for i := range t.slots {
		t.slots[i].query = t.slots[i].round
	}
	return distinct
}

// resize empties t and makes it big enough for n grams: sparse where that costs little, and at most
// half full.
func (t *table) resize(n int) {
	width := max(bits.Len(uint(n))+3, minWidth)
	if width > sparseWidth {
		width = max(bits.Len(uint(n))+1, sparseWidth)
	}
	if cap(t.slots) >= 1<<width {
		t.slots = t.slots[:1<<width]
		clear(t.slots)
	} else {
		t.slots = make([]slot, 1<<width)
	}
	t.shift = uint(64 - width)
}

// Widths of a table in bits. A sparse one of the greatest width has 64 KB.
const (
	minWidth    = 6
	sparseWidth = 12
)

// count returns how many different grams a candidate has, and how many of them are of the query.
func (t *table) count(grams []uint64) (distinct, common int) {
	t.round++
	return t.add(grams)
}

// add is count without a new round. Nearly all grams find their slot at once, and what then happens has
// no branch on what is in it, which no processor could predict.
func (t *table) add(grams []uint64) (distinct, common int) {
	slots, round := t.slots, t.round
	mask := uint64(len(slots) - 1)
	for _, gram := range grams {
		i := gram * spread >> (t.shift & 63)
		s := &slots[i&mask]
		for s.gram != gram && (s.query != 0 || s.round == round) {
			i++
			s = &slots[i&mask]
		}
		isNew := one(s.round != round)
		distinct += isNew
		common += isNew & int(s.query)
		s.gram, s.round = gram, round
	}
	return distinct, common
}
