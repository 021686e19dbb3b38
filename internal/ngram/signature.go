package ngram

import "math/bits"

// A signature of a set is a row of bits of which each gram sets one. It says of most grams of another set
// that they are not in this one, which bounds how many the two can share. Signatures are stored; how wide
// they are and which bit a gram sets is part of the format that docs/formats/store.md draws.
const wordBits = 64

// Width returns how many words the signature of a set of so many grams has. It counts half bits: three to a
// gram and 64 more, without which the signatures of short texts say too little. Of the grams after the 256th
// it counts four: long texts share many grams whatever they are about.
func Width(size int) int {
	const halves = 2 * wordBits
	return (max(3*size+64, 4*size-192) + halves - 1) / halves
}

// Signature returns the signature of a set.
func Signature(set []uint64) []uint64 {
	words := make([]uint64, Width(len(set)))
	for _, gram := range set {
		mark(words, mix(gram))
	}
	return words
}

// mark sets the bit of a gram. The gram is mixed, since those of plugins need not be spread over all
// numbers.
func mark(words []uint64, mixed uint64) {
	bit, _ := bits.Mul64(mixed, uint64(len(words))*wordBits)
	words[bit/wordBits] |= 1 << (bit % wordBits)
}
