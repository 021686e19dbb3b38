package ngram

import "math/bits"

// sieve finds the rows of an array whose signatures allow enough grams in common with a mask. It is where a
// search spends its time.
type sieve struct {
	parity bool
	mask   []uint64 // as wide as a row
	limit  int      // of parities: rows that differ from the mask in so many bits, or fewer, pass
	flip   int      // of presences: 0: rows that share limit bits or more pass; -1: rows that share fewer
}

// appendRows appends the numbers of the rows that pass, ascending.
func (s *sieve) appendRows(hits []int32, rows []uint64) []int32 {
	if !s.parity {
		return s.present(hits, rows)
	}
	done := 0
	switch len(s.mask) {
	case 1:
		hits, done = s.one(hits, rows)
	case 2:
		hits, done = s.two(hits, rows)
	case 3:
		hits, done = s.three(hits, rows)
	case 4:
		hits, done = s.four(hits, rows)
	case 5:
		hits, done = s.five(hits, rows)
	case 6:
		hits, done = s.six(hits, rows)
	case 7:
		hits, done = s.seven(hits, rows)
	case 8:
		hits, done = s.eight(hits, rows)
	}
	return s.any(hits, rows, done)
}

// any takes parities of any width, from row on.
func (s *sieve) any(hits []int32, rows []uint64, row int) []int32 {
	width := len(s.mask)
	for at := row * width; at+width <= len(rows); at += width {
		if differing(rows[at:at+width], s.mask) <= s.limit {
			hits = append(hits, int32(at/width))
		}
	}
	return hits
}

// shared returns how many bits are set in both a and b, which are equally long.
func shared(a, b []uint64) int {
	n := 0
	for len(a) >= 4 && len(b) >= 4 {
		n += bits.OnesCount64(a[0]&b[0]) + bits.OnesCount64(a[1]&b[1]) +
			bits.OnesCount64(a[2]&b[2]) + bits.OnesCount64(a[3]&b[3])
		a, b = a[4:], b[4:]
	}
	for i := range min(len(a), len(b)) {
		n += bits.OnesCount64(a[i] & b[i])
	}
	return n
}

// differing returns in how many bits a and b differ, which are equally long.
func differing(a, b []uint64) int {
	n := 0
	for len(a) >= 4 && len(b) >= 4 {
		n += bits.OnesCount64(a[0]^b[0]) + bits.OnesCount64(a[1]^b[1]) +
			bits.OnesCount64(a[2]^b[2]) + bits.OnesCount64(a[3]^b[3])
		a, b = a[4:], b[4:]
	}
	for i := range min(len(a), len(b)) {
		n += bits.OnesCount64(a[i] ^ b[i])
	}
	return n
}

// The functions below are any for one width each, without inner loops. They take rows by fours or twos,
// with one branch for all of them, and leave the last rows to any. A number is negative where its row
// does not pass.

func (s *sieve) one(hits []int32, rows []uint64) ([]int32, int) {
	limit, m := s.limit, (*[1]uint64)(s.mask)
	m0 := m[0]
	i := 0
	for ; i+4 <= len(rows); i += 4 {
		r := (*[4]uint64)(rows[i:])
		a := limit - bits.OnesCount64(r[0]^m0)
		b := limit - bits.OnesCount64(r[1]^m0)
		c := limit - bits.OnesCount64(r[2]^m0)
		d := limit - bits.OnesCount64(r[3]^m0)
		if a&b&c&d >= 0 {
			hits = appendFour(hits, i/1, a, b, c, d)
		}
	}
	return hits, i / 1
}

func (s *sieve) two(hits []int32, rows []uint64) ([]int32, int) {
	limit, m := s.limit, (*[2]uint64)(s.mask)
	m0, m1 := m[0], m[1]
	i := 0
	for ; i+8 <= len(rows); i += 8 {
		r := (*[8]uint64)(rows[i:])
		a := limit - bits.OnesCount64(r[0]^m0) - bits.OnesCount64(r[1]^m1)
		b := limit - bits.OnesCount64(r[2]^m0) - bits.OnesCount64(r[3]^m1)
		c := limit - bits.OnesCount64(r[4]^m0) - bits.OnesCount64(r[5]^m1)
		d := limit - bits.OnesCount64(r[6]^m0) - bits.OnesCount64(r[7]^m1)
		if a&b&c&d >= 0 {
			hits = appendFour(hits, i/2, a, b, c, d)
		}
	}
	return hits, i / 2
}

func (s *sieve) three(hits []int32, rows []uint64) ([]int32, int) {
	limit, m := s.limit, (*[3]uint64)(s.mask)
	m0, m1, m2 := m[0], m[1], m[2]
	i := 0
	for ; i+12 <= len(rows); i += 12 {
		r := (*[12]uint64)(rows[i:])
		a := limit - bits.OnesCount64(r[0]^m0) - bits.OnesCount64(r[1]^m1) - bits.OnesCount64(r[2]^m2)
		b := limit - bits.OnesCount64(r[3]^m0) - bits.OnesCount64(r[4]^m1) - bits.OnesCount64(r[5]^m2)
		c := limit - bits.OnesCount64(r[6]^m0) - bits.OnesCount64(r[7]^m1) - bits.OnesCount64(r[8]^m2)
		d := limit - bits.OnesCount64(r[9]^m0) - bits.OnesCount64(r[10]^m1) - bits.OnesCount64(r[11]^m2)
		if a&b&c&d >= 0 {
			hits = appendFour(hits, i/3, a, b, c, d)
		}
	}
	return hits, i / 3
}

func (s *sieve) four(hits []int32, rows []uint64) ([]int32, int) {
	limit, m := s.limit, (*[4]uint64)(s.mask)
	m0, m1, m2, m3 := m[0], m[1], m[2], m[3]
	i := 0
	for ; i+8 <= len(rows); i += 8 {
		r := (*[8]uint64)(rows[i:])
		a := limit - bits.OnesCount64(r[0]^m0) - bits.OnesCount64(r[1]^m1) - bits.OnesCount64(r[2]^m2) -
			bits.OnesCount64(r[3]^m3)
		b := limit - bits.OnesCount64(r[4]^m0) - bits.OnesCount64(r[5]^m1) - bits.OnesCount64(r[6]^m2) -
			bits.OnesCount64(r[7]^m3)
		if a&b >= 0 {
			hits = appendTwo(hits, i/4, a, b)
		}
	}
	return hits, i / 4
}

func (s *sieve) five(hits []int32, rows []uint64) ([]int32, int) {
	limit, m := s.limit, (*[5]uint64)(s.mask)
	m0, m1, m2, m3, m4 := m[0], m[1], m[2], m[3], m[4]
	i := 0
	for ; i+10 <= len(rows); i += 10 {
		r := (*[10]uint64)(rows[i:])
		a := limit - bits.OnesCount64(r[0]^m0) - bits.OnesCount64(r[1]^m1) - bits.OnesCount64(r[2]^m2) -
			bits.OnesCount64(r[3]^m3) - bits.OnesCount64(r[4]^m4)
		b := limit - bits.OnesCount64(r[5]^m0) - bits.OnesCount64(r[6]^m1) - bits.OnesCount64(r[7]^m2) -
			bits.OnesCount64(r[8]^m3) - bits.OnesCount64(r[9]^m4)
		if a&b >= 0 {
			hits = appendTwo(hits, i/5, a, b)
		}
	}
	return hits, i / 5
}

func (s *sieve) six(hits []int32, rows []uint64) ([]int32, int) {
	limit, m := s.limit, (*[6]uint64)(s.mask)
	m0, m1, m2, m3, m4, m5 := m[0], m[1], m[2], m[3], m[4], m[5]
	i := 0
	for ; i+12 <= len(rows); i += 12 {
		r := (*[12]uint64)(rows[i:])
		a := limit - bits.OnesCount64(r[0]^m0) - bits.OnesCount64(r[1]^m1) - bits.OnesCount64(r[2]^m2) -
			bits.OnesCount64(r[3]^m3) - bits.OnesCount64(r[4]^m4) - bits.OnesCount64(r[5]^m5)
		b := limit - bits.OnesCount64(r[6]^m0) - bits.OnesCount64(r[7]^m1) - bits.OnesCount64(r[8]^m2) -
			bits.OnesCount64(r[9]^m3) - bits.OnesCount64(r[10]^m4) - bits.OnesCount64(r[11]^m5)
		if a&b >= 0 {
			hits = appendTwo(hits, i/6, a, b)
		}
	}
	return hits, i / 6
}

func (s *sieve) seven(hits []int32, rows []uint64) ([]int32, int) {
	limit, m := s.limit, (*[7]uint64)(s.mask)
	m0, m1, m2, m3, m4, m5, m6 := m[0], m[1], m[2], m[3], m[4], m[5], m[6]
	i := 0
	for ; i+14 <= len(rows); i += 14 {
		r := (*[14]uint64)(rows[i:])
		a := limit - bits.OnesCount64(r[0]^m0) - bits.OnesCount64(r[1]^m1) - bits.OnesCount64(r[2]^m2) -
			bits.OnesCount64(r[3]^m3) - bits.OnesCount64(r[4]^m4) - bits.OnesCount64(r[5]^m5) -
			bits.OnesCount64(r[6]^m6)
		b := limit - bits.OnesCount64(r[7]^m0) - bits.OnesCount64(r[8]^m1) - bits.OnesCount64(r[9]^m2) -
			bits.OnesCount64(r[10]^m3) - bits.OnesCount64(r[11]^m4) - bits.OnesCount64(r[12]^m5) -
			bits.OnesCount64(r[13]^m6)
		if a&b >= 0 {
			hits = appendTwo(hits, i/7, a, b)
		}
	}
	return hits, i / 7
}

func (s *sieve) eight(hits []int32, rows []uint64) ([]int32, int) {
	limit, m := s.limit, (*[8]uint64)(s.mask)
	m0, m1, m2, m3, m4, m5, m6, m7 := m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7]
	i := 0
	for ; i+16 <= len(rows); i += 16 {
		r := (*[16]uint64)(rows[i:])
		a := limit - bits.OnesCount64(r[0]^m0) - bits.OnesCount64(r[1]^m1) - bits.OnesCount64(r[2]^m2) -
			bits.OnesCount64(r[3]^m3) - bits.OnesCount64(r[4]^m4) - bits.OnesCount64(r[5]^m5) -
			bits.OnesCount64(r[6]^m6) - bits.OnesCount64(r[7]^m7)
		b := limit - bits.OnesCount64(r[8]^m0) - bits.OnesCount64(r[9]^m1) - bits.OnesCount64(r[10]^m2) -
			bits.OnesCount64(r[11]^m3) - bits.OnesCount64(r[12]^m4) - bits.OnesCount64(r[13]^m5) -
			bits.OnesCount64(r[14]^m6) - bits.OnesCount64(r[15]^m7)
		if a&b >= 0 {
			hits = appendTwo(hits, i/8, a, b)
		}
	}
	return hits, i / 8
}

func appendFour(hits []int32, row, a, b, c, d int) []int32 {
	return appendTwo(appendTwo(hits, row, a, b), row+2, c, d)
}

func appendTwo(hits []int32, row, a, b int) []int32 {
	if a >= 0 {
		hits = append(hits, int32(row))
	}
	if b >= 0 {
		hits = append(hits, int32(row+1))
	}
	return hits
}
