package ngram

import "math/bits"

// SignatureVersion is the version of how signatures are made: of bits and positions.
const SignatureVersion = 1

const wordBits = 64

// Width returns how many words the signature of a set of so many grams has.
func Width(size int) int {
	return (2*size + wordBits - 1) / wordBits
}

// Signature returns the signature of a set.
func Signature(set []uint64) []uint64 {
	signature := make([]uint64, Width(len(set)))
	for _, gram := range set {
		mark(signature, mix(gram))
	}
	return signature
}

// mark sets the bit of a gram, given by its mixed hash.
func mark(signature []uint64, mixed uint64) {
	bit, _ := bits.Mul64(mixed, uint64(len(signature))*wordBits)
	signature[bit/wordBits] |= 1 << (bit % wordBits)
}
