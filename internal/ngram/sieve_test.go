package ngram

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The unrolled functions and the plain one let the same rows pass, which are those that differ little enough.
func TestSieve_TakesParitiesOfEveryWidthAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for width := 1; width <= 20; width++ {
		for n := range 12 {
			rows, s := randomRows(r, n*width), sieve{parity: true, mask: randomRows(r, width), limit: 32 * width}
			if got, want := s.appendRows(nil, rows), s.any(nil, rows, 0); !slices.Equal(got, want) {
				t.Errorf("%d rows of %d words: got %d, want %d", n, width, got, want)
			}
			checkRows(t, &s, rows, func(row []uint64) bool { return differing(row, s.mask) <= s.limit })
		}
	}
}

func TestSieve_TakesPresencesThatShareEnoughOrLittle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for width := 1; width <= 20; width++ {
		rows := randomRows(r, 12*width)
		s := sieve{mask: randomRows(r, width), limit: 16 * width}
		if got, want := s.appendRows(nil, rows), s.presentAny(nil, rows, 0); !slices.Equal(got, want) {
			t.Errorf("rows of %d words: got %d, want %d", width, got, want)
		}
		checkRows(t, &s, rows, func(row []uint64) bool { return shared(row, s.mask) >= s.limit })
		s.flip = -1
		checkRows(t, &s, rows, func(row []uint64) bool { return shared(row, s.mask) < s.limit })
	}
}

func checkRows(t *testing.T, s *sieve, rows []uint64, passes func(row []uint64) bool) {
	t.Helper()
	hits, width := s.appendRows(nil, rows), len(s.mask)
	for row := range len(rows) / width {
		want := passes(rows[row*width : (row+1)*width])
		if got := slices.Contains(hits, int32(row)); got != want {
			t.Errorf("row %d of %d words: got %t, want %t", row, width, got, want)
		}
	}
}

func randomRows(r *rand.Rand, n int) []uint64 {
	rows := make([]uint64, n)
	for i := range rows {
		rows[i] = r.Uint64()
	}
	return rows
}
