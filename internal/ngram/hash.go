package ngram

import "encoding/binary"

const (
	seed     = 0x9e3779b97f4a7c15
	multiple = 0xd6e8feb86659fd93

	runeBits = 21 // of a rune plus one, which is at most 0x110000
	packed   = 3  // runes in one pack
)

func mix(x uint64) uint64 {
	x ^= x >> 32
	x *= multiple
	x ^= x >> 32
	x *= multiple
	return x ^ x>>32
}

// hashRunes returns the hash of a gram of runes.
func hashRunes(runes []rune) uint64 {
	h := uint64(seed)
	for ; len(runes) > packed; runes = runes[packed:] {
		h = mix(h ^ pack(runes[:packed]))
	}
	if len(runes) == 0 { // only where the text is empty
		return h
	}
	return mix(h ^ pack(runes))
}

// pack puts up to three runes into one number. No two runs of runes have the same.
func pack(runes []rune) uint64 {
	var p uint64
	for i, r := range runes {
		p |= uint64(r+1) << (runeBits * i)
	}
	return p
}

// hashWord returns the hash of the bytes of a word.
func hashWord(word string) uint64 {
	w := seed + uint64(len(word))
	for ; len(word) >= 8; word = word[8:] {
		w = mix(w ^ binary.LittleEndian.Uint64([]byte(word[:8])))
	}
	if len(word) > 0 {
		var last [8]byte
		copy(last[:], word)
		w = mix(w ^ binary.LittleEndian.Uint64(last[:]))
	}
	return mix(w)
}

// hashWords returns the hash of a gram of words, given by their hashes.
func hashWords(words []uint64) uint64 {
	h := uint64(seed)
	for _, w := range words {
		h = mix(h ^ w)
	}
	return h
}
