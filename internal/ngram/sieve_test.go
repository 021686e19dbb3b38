package ngram

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The unrolled functions and the plain one let the same rows pass.
func TestSieve_TakesRowsOfEveryWidthAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for width := 1; width <= 20; width++ {
		for n := range 12 {
			rows := make([]uint64, n*width)
			for i := range rows {
				rows[i] = r.Uint64()
			}
			s := sieve{mask: make([]uint64, width), limit: 16 * width, flip: -(n % 2)}
			for i := range s.mask {
				s.mask[i] = r.Uint64()
			}
			if got, want := s.appendRows(nil, rows), s.any(nil, rows, 0); !slices.Equal(got, want) {
				t.Errorf("%d rows of %d words: got %d, want %d", n, width, got, want)
			}
			for row := range n {
				passes := shared(rows[row*width:(row+1)*width], s.mask) >= s.limit
				if s.flip < 0 {
					passes = !passes
				}
				if got := slices.Contains(s.any(nil, rows, 0), int32(row)); got != passes {
					t.Errorf("row %d of %d words: got %t, want %t", row, width, got, passes)
				}
			}
		}
	}
}
