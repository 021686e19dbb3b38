package ngram

import "slices"

// appendPacks appends the pack of each gram of a Char spec whose grams fit into one. The window holds
// the last three runes, the newest in its highest bits, so a shorter gram is the window shifted down.
func (s Spec) appendPacks(dst []uint64, text string) []uint64 {
	dst = slices.Grow(dst, len(text)*(s.Max-s.Min+1))
	singles, pairs, triples := s.Min <= 1, s.Min <= 2 && s.Max >= 2, s.Max >= 3
	var window uint64
	seen := 0
	for _, r := range text {
		window = window>>runeBits | uint64(r+1)<<(runeBits*(packed-1))
		seen++
		if singles {
			dst = append(dst, window>>(2*runeBits))
		}
		if pairs && seen >= 2 {
			dst = append(dst, window>>runeBits)
		}
		if triples && seen >= 3 {
			dst = append(dst, window)
		}
	}
	return dst
}

// appendRunes appends the runes of text, U+FFFD for each byte that is none.
func appendRunes(dst []rune, text string) []rune {
	for _, r := range text {
		dst = append(dst, r)
	}
	return dst
}

// appendRuneGrams appends the grams of a Char spec of any Max.
func (s Spec) appendRuneGrams(dst []uint64, runes []rune) []uint64 {
	dst = slices.Grow(dst, len(runes)*(s.Max-s.Min+1))
	for i := range runes {
		h, pack, at := uint64(seed), uint64(0), 0
		for n, r := range runes[i:min(i+s.Max, len(runes))] {
			pack |= uint64(r+1) << at
			gram := mix(h ^ pack)
			if n+1 >= s.Min {
				dst = append(dst, gram)
			}
			if at += runeBits; at == packed*runeBits {
				h, pack, at = gram, 0, 0
			}
		}
	}
	return dst
}
