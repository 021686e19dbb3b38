package ngram

import "math/bits"

// Kind is how the bits of a signature come from a set: each gram has a bit of its own in a row, and several may
// share one. Either kind bounds how many grams two sets share, and the bound of each fits one measure.
type Kind uint8

const (
	// Presence sets the bit of each gram. A bit that one signature lacks stands for grams that its set lacks,
	// so it says how much of a small set can be in a large one.
	Presence Kind = 1
	// Parity flips the bit of each gram. The bits in which two signatures differ count, at least, the grams
	// that only one of the two sets has, which makes it the sharper one for sets of about the same size.
	Parity Kind = 2
)

// Kind returns the kind of signatures that fits a measure.
func (m Measure) Kind() Kind {
	if m == ByContainment {
		return Presence
	}
	return Parity
}

// Signatures are stored; how wide they are and which bit a gram has is part of the format that
// docs/formats/store.md draws.
const wordBits = 64

// Width returns how many words the signature of a set of so many grams has. A presence has 1½ bits a gram and
// 32 more, a parity 1 and 64 more: without those the signatures of short texts say too little. Either has 2 bits
// for each gram after the 256th: long texts share many grams whatever they are about.
func (k Kind) Width(size int) int {
	const halves = 2 * wordBits
	if k == Parity {
		return (max(2*size+128, 4*size-384) + halves - 1) / halves
	}
	return (max(3*size+64, 4*size-192) + halves - 1) / halves
}

// Signature returns the signature of a set.
func (k Kind) Signature(set []uint64) []uint64 {
	words := make([]uint64, k.Width(len(set)))
	for _, gram := range set {
		k.mark(words, mix(gram))
	}
	return words
}

// mark adds a gram, which no one has added before. It is mixed, since those of plugins need not be spread over
// all numbers.
func (k Kind) mark(words []uint64, mixed uint64) {
	bit, _ := bits.Mul64(mixed, uint64(len(words))*wordBits)
	mask := uint64(1) << (bit % wordBits)
	if k == Parity {
		words[bit/wordBits] ^= mask
	} else {
		words[bit/wordBits] |= mask
	}
}
