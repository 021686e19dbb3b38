package ngram

import "math/bits"

// present appends the numbers of the rows of presences that pass, ascending.
func (s *sieve) present(hits []int32, rows []uint64) []int32 {
	done := 0
	switch len(s.mask) {
	case 1:
		hits, done = s.presentOne(hits, rows)
	case 2:
		hits, done = s.presentTwo(hits, rows)
	case 3:
		hits, done = s.presentThree(hits, rows)
	case 4:
		hits, done = s.presentFour(hits, rows)
	case 5:
		hits, done = s.presentFive(hits, rows)
	case 6:
		hits, done = s.presentSix(hits, rows)
	case 7:
		hits, done = s.presentSeven(hits, rows)
	case 8:
		hits, done = s.presentEight(hits, rows)
	}
	return s.presentAny(hits, rows, done)
}

// presentAny takes presences of any width, from row on.
func (s *sieve) presentAny(hits []int32, rows []uint64, row int) []int32 {
	width := len(s.mask)
	for at := row * width; at+width <= len(rows); at += width {
		if (shared(rows[at:at+width], s.mask)-s.limit)^s.flip >= 0 {
			hits = append(hits, int32(at/width))
		}
	}
	return hits
}

// The functions below are presentAny for one width each, as those of parities are any.

func (s *sieve) presentOne(hits []int32, rows []uint64) ([]int32, int) {
	limit, flip, m := s.limit, s.flip, (*[1]uint64)(s.mask)
	m0 := m[0]
	i := 0
	for ; i+4 <= len(rows); i += 4 {
		r := (*[4]uint64)(rows[i:])
		a := (bits.OnesCount64(r[0]&m0) - limit) ^ flip
		b := (bits.OnesCount64(r[1]&m0) - limit) ^ flip
		c := (bits.OnesCount64(r[2]&m0) - limit) ^ flip
		d := (bits.OnesCount64(r[3]&m0) - limit) ^ flip
		if a&b&c&d >= 0 {
			hits = appendFour(hits, i/1, a, b, c, d)
		}
	}
	return hits, i / 1
}

func (s *sieve) presentTwo(hits []int32, rows []uint64) ([]int32, int) {
	limit, flip, m := s.limit, s.flip, (*[2]uint64)(s.mask)
	m0, m1 := m[0], m[1]
	i := 0
	for ; i+8 <= len(rows); i += 8 {
		r := (*[8]uint64)(rows[i:])
		a := (bits.OnesCount64(r[0]&m0) + bits.OnesCount64(r[1]&m1) - limit) ^ flip
		b := (bits.OnesCount64(r[2]&m0) + bits.OnesCount64(r[3]&m1) - limit) ^ flip
		c := (bits.OnesCount64(r[4]&m0) + bits.OnesCount64(r[5]&m1) - limit) ^ flip
		d := (bits.OnesCount64(r[6]&m0) + bits.OnesCount64(r[7]&m1) - limit) ^ flip
		if a&b&c&d >= 0 {
			hits = appendFour(hits, i/2, a, b, c, d)
		}
	}
	return hits, i / 2
}

func (s *sieve) presentThree(hits []int32, rows []uint64) ([]int32, int) {
	limit, flip, m := s.limit, s.flip, (*[3]uint64)(s.mask)
	m0, m1, m2 := m[0], m[1], m[2]
	i := 0
	for ; i+12 <= len(rows); i += 12 {
		r := (*[12]uint64)(rows[i:])
		a := (bits.OnesCount64(r[0]&m0) + bits.OnesCount64(r[1]&m1) + bits.OnesCount64(r[2]&m2) - limit) ^ flip
		b := (bits.OnesCount64(r[3]&m0) + bits.OnesCount64(r[4]&m1) + bits.OnesCount64(r[5]&m2) - limit) ^ flip
		c := (bits.OnesCount64(r[6]&m0) + bits.OnesCount64(r[7]&m1) + bits.OnesCount64(r[8]&m2) - limit) ^ flip
		d := (bits.OnesCount64(r[9]&m0) + bits.OnesCount64(r[10]&m1) + bits.OnesCount64(r[11]&m2) - limit) ^ flip
		if a&b&c&d >= 0 {
			hits = appendFour(hits, i/3, a, b, c, d)
		}
	}
	return hits, i / 3
}

func (s *sieve) presentFour(hits []int32, rows []uint64) ([]int32, int) {
	limit, flip, m := s.limit, s.flip, (*[4]uint64)(s.mask)
	m0, m1, m2, m3 := m[0], m[1], m[2], m[3]
	i := 0
	for ; i+8 <= len(rows); i += 8 {
		r := (*[8]uint64)(rows[i:])
		a := (bits.OnesCount64(r[0]&m0) + bits.OnesCount64(r[1]&m1) + bits.OnesCount64(r[2]&m2) +
			bits.OnesCount64(r[3]&m3) - limit) ^ flip
		b := (bits.OnesCount64(r[4]&m0) + bits.OnesCount64(r[5]&m1) + bits.OnesCount64(r[6]&m2) +
			bits.OnesCount64(r[7]&m3) - limit) ^ flip
		if a&b >= 0 {
			hits = appendTwo(hits, i/4, a, b)
		}
	}
	return hits, i / 4
}

func (s *sieve) presentFive(hits []int32, rows []uint64) ([]int32, int) {
	limit, flip, m := s.limit, s.flip, (*[5]uint64)(s.mask)
	m0, m1, m2, m3, m4 := m[0], m[1], m[2], m[3], m[4]
	i := 0
	for ; i+10 <= len(rows); i += 10 {
		r := (*[10]uint64)(rows[i:])
		a := (bits.OnesCount64(r[0]&m0) + bits.OnesCount64(r[1]&m1) + bits.OnesCount64(r[2]&m2) +
			bits.OnesCount64(r[3]&m3) + bits.OnesCount64(r[4]&m4) - limit) ^ flip
		b := (bits.OnesCount64(r[5]&m0) + bits.OnesCount64(r[6]&m1) + bits.OnesCount64(r[7]&m2) +
			bits.OnesCount64(r[8]&m3) + bits.OnesCount64(r[9]&m4) - limit) ^ flip
		if a&b >= 0 {
			hits = appendTwo(hits, i/5, a, b)
		}
	}
	return hits, i / 5
}

func (s *sieve) presentSix(hits []int32, rows []uint64) ([]int32, int) {
	limit, flip, m := s.limit, s.flip, (*[6]uint64)(s.mask)
	m0, m1, m2, m3, m4, m5 := m[0], m[1], m[2], m[3], m[4], m[5]
	i := 0
	for ; i+12 <= len(rows); i += 12 {
		r := (*[12]uint64)(rows[i:])
		a := (bits.OnesCount64(r[0]&m0) + bits.OnesCount64(r[1]&m1) + bits.OnesCount64(r[2]&m2) +
			bits.OnesCount64(r[3]&m3) + bits.OnesCount64(r[4]&m4) + bits.OnesCount64(r[5]&m5) - limit) ^ flip
		b := (bits.OnesCount64(r[6]&m0) + bits.OnesCount64(r[7]&m1) + bits.OnesCount64(r[8]&m2) +
			bits.OnesCount64(r[9]&m3) + bits.OnesCount64(r[10]&m4) + bits.OnesCount64(r[11]&m5) - limit) ^ flip
		if a&b >= 0 {
			hits = appendTwo(hits, i/6, a, b)
		}
	}
	return hits, i / 6
}

func (s *sieve) presentSeven(hits []int32, rows []uint64) ([]int32, int) {
	limit, flip, m := s.limit, s.flip, (*[7]uint64)(s.mask)
	m0, m1, m2, m3, m4, m5, m6 := m[0], m[1], m[2], m[3], m[4], m[5], m[6]
	i := 0
	for ; i+14 <= len(rows); i += 14 {
		r := (*[14]uint64)(rows[i:])
		a := (bits.OnesCount64(r[0]&m0) + bits.OnesCount64(r[1]&m1) + bits.OnesCount64(r[2]&m2) +
			bits.OnesCount64(r[3]&m3) + bits.OnesCount64(r[4]&m4) + bits.OnesCount64(r[5]&m5) +
			bits.OnesCount64(r[6]&m6) - limit) ^ flip
		b := (bits.OnesCount64(r[7]&m0) + bits.OnesCount64(r[8]&m1) + bits.OnesCount64(r[9]&m2) +
			bits.OnesCount64(r[10]&m3) + bits.OnesCount64(r[11]&m4) + bits.OnesCount64(r[12]&m5) +
			bits.OnesCount64(r[13]&m6) - limit) ^ flip
		if a&b >= 0 {
			hits = appendTwo(hits, i/7, a, b)
		}
	}
	return hits, i / 7
}

func (s *sieve) presentEight(hits []int32, rows []uint64) ([]int32, int) {
	limit, flip, m := s.limit, s.flip, (*[8]uint64)(s.mask)
	m0, m1, m2, m3, m4, m5, m6, m7 := m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7]
	i := 0
	for ; i+16 <= len(rows); i += 16 {
		r := (*[16]uint64)(rows[i:])
		a := (bits.OnesCount64(r[0]&m0) + bits.OnesCount64(r[1]&m1) + bits.OnesCount64(r[2]&m2) +
			bits.OnesCount64(r[3]&m3) + bits.OnesCount64(r[4]&m4) + bits.OnesCount64(r[5]&m5) +
			bits.OnesCount64(r[6]&m6) + bits.OnesCount64(r[7]&m7) - limit) ^ flip
		b := (bits.OnesCount64(r[8]&m0) + bits.OnesCount64(r[9]&m1) + bits.OnesCount64(r[10]&m2) +
			bits.OnesCount64(r[11]&m3) + bits.OnesCount64(r[12]&m4) + bits.OnesCount64(r[13]&m5) +
			bits.OnesCount64(r[14]&m6) + bits.OnesCount64(r[15]&m7) - limit) ^ flip
		if a&b >= 0 {
			hits = appendTwo(hits, i/8, a, b)
		}
	}
	return hits, i / 8
}
