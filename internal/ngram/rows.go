package ngram

import (
	"math"
	"slices"
)

// rows holds the entries of one group whose sets have one size, in no order.
type rows struct {
	size  int
	width int      // of a signature, in words
	words []uint64 // the signatures, one after the other
	low   []uint32 // the lower half of each entry's id
	high  []uint32 // the upper half; nil while all of them are 0, as they are in any store of today
}

func (r *rows) len() int { return len(r.low) }

func (r *rows) id(row int) uint64 {
	id := uint64(r.low[row])
	if r.high != nil {
		id |= uint64(r.high[row]) << 32
	}
	return id
}

func (r *rows) signature(row int) []uint64 {
	return r.words[row*r.width : (row+1)*r.width]
}

func (r *rows) add(id uint64, signature []uint64) {
	if id > math.MaxUint32 && r.high == nil {
		r.high = make([]uint32, r.len())
	}
	r.words = push(r.words, signature...)
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
	copy(r.signature(row), r.signature(last))
	r.words = cut(r.words, r.width)
	r.low[row] = r.low[last]
	r.low = cut(r.low, 1)
	if r.high != nil {
		r.high[row] = r.high[last]
		r.high = cut(r.high, 1)
	}
}

// bytes returns how much memory the arrays take.
func (r *rows) bytes() int { return 8*cap(r.words) + 4*cap(r.low) + 4*cap(r.high) }

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
