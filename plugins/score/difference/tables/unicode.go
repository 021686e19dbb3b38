package main

import (
	"slices"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// letterRanges are the code points in [from, limit) that make words: letters and marks, as first, last pairs.
// Code points that are not assigned close no range, which halves their number.
func letterRanges(from, limit rune) []rune {
	var out []rune
	for r := from; r < limit; r++ {
		switch {
		case !unicode.In(r, unicode.L, unicode.M):
		case len(out) > 0 && !assignedBetween(out[len(out)-1]+1, r):
			out[len(out)-1] = r
		default:
			out = append(out, r, r)
		}
	}
	return out
}

func assignedBetween(from, to rune) bool {
	for r := from; r < to; r++ {
		if unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.C) {
			return true
		}
	}
	return false
}

// A composition says that first and mark together are written as one code point.
type composition struct{ first, mark, whole rune }

// compositions are the canonical ones of two code points below U+3100, without Hangul, which is arithmetic.
func compositions() []composition {
	var out []composition
	for r := rune(0x80); r < 0x3100; r++ {
		d := []rune(norm.NFD.String(string(r)))
		if len(d) < 2 || norm.NFC.String(string(r)) != string(r) {
			continue
		}
		first := []rune(norm.NFC.String(string(d[:len(d)-1])))
		if len(first) == 1 {
			out = append(out, composition{first[0], d[len(d)-1], r})
		}
	}
	slices.SortFunc(out, func(a, b composition) int {
		if a.first != b.first {
			return int(a.first - b.first)
		}
		return int(a.mark - b.mark)
	})
	return out
}
