package ngram

import (
	"math"
	"slices"
)

// rows holds the entries of one group whose sets have one size, in no order. Of each signature the front is what
// a search looks at first, and the rest only where the front lets the entry through: most of the time of a
// search goes into reading fronts.
type rows struct {
	size   int
	width  int      // of a signature, in words
	front  int      // words of a front
	fronts []uint64 // one after the other
	rests  []uint64 // the words of the signatures from front on, alike
	low    []uint32 // the lower half of each entry's id
	high   []uint32 // the upper half; nil while all of them are 0, as they are in any store of today
}

// front returns how many words the fronts of the signatures of such sets have. A parity that is folded once is
// the parity of half as many bits, which is enough to tell most sets from one that is much like them: the
// front has 3 bits to 4 grams and 18 more.
func (k Kind) front(size int) int {
	width := k.Width(size)
	if k == Presence {
		return width
	}
	return min(max((3*size/4+18+wordBits-1)/wordBits, (width+1)/2), width)
}

// fold puts the words of a parity from the length of front on over its first ones. It is the same for two
// signatures as for their difference.
func fold(front, signature []uint64) {
	copy(front, signature)
	for i, word := range signature[len(front):] {
		front[i] ^= word
	}
}

func (r *rows) len() int { return len(r.low) }

func (r *rows) id(row int) uint64 {
	id := uint64(r.low[row])
	if r.high != nil {
		id |= uint64(r.high[row]) << 32
	}
	return id
}

// at returns the front and the rest of a signature.
func (r *rows) at(row int) (front, rest []uint64) {
	n := r.width - r.front
	return r.fronts[row*r.front : (row+1)*r.front], r.rests[row*n : (row+1)*n]
}

func (r *rows) add(id uint64, signature []uint64) {
	if id > math.MaxUint32 && r.high == nil {
		r.high = make([]uint32, r.len())
	}
	r.fronts = push(r.fronts, signature[:r.front]...)
	r.rests = push(r.rests, signature[r.front:]...)
	fold(r.fronts[len(r.fronts)-r.front:], signature)
	r.low = push(r.low, uint32(id))
	if r.high != nil {
		r.high = push(r.high, uint32(id>>32))
	}
}

// find returns the row of an entry, or -1. It looks at 4 bytes of each row.
func (r *rows) find(id uint64) int {
	for from := 0; ; {
		i := slices.Index(r.low[from:], uint32(id))
		if i < 0 {
			return -1
		}
		if from += i; r.id(from) == id {
			return from
		}
		from++
	}
}

// remove puts the last row into the place of row.
func (r *rows) remove(row int) {
	last := r.len() - 1
	front, rest := r.at(row)
	lastFront, lastRest := r.at(last)
	copy(front, lastFront)
	copy(rest, lastRest)
	r.fronts, r.rests = cut(r.fronts, r.front), cut(r.rests, r.width-r.front)
	r.low[row] = r.low[last]
	r.low = cut(r.low, 1)
	if r.high != nil {
		r.high[row] = r.high[last]
		r.high = cut(r.high, 1)
	}
}

// bytes returns how much memory the arrays take.
func (r *rows) bytes() int { return 8*(cap(r.fronts)+cap(r.rests)) + 4*cap(r.low) + 4*cap(r.high) }

// push is append that grows by an eighth: most of an index is in arrays that are seldom copied, and what
// they have to spare counts.
func push[T any](s []T, more ...T) []T {
	if n := len(s) + len(more); n > cap(s) {
		s = append(make([]T, 0, n+n/8), s...)
	}
	return append(s, more...)
}

// cut takes the last n items away, and gives memory back when most of it is free.
func cut[T any](s []T, n int) []T {
	s = s[:len(s)-n]
	if len(s) < cap(s)/2 {
		return append(make([]T, 0, len(s)+len(s)/8), s...)
	}
	return s
}
