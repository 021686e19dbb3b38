package ngram

import (
	"unicode"
	"unicode/utf8"
)

// appendWordGrams appends the grams of a Word spec, from the hashes of the words.
func (s Spec) appendWordGrams(dst, words []uint64) []uint64 {
	for i := range words {
		h := uint64(seed)
		for n, w := range words[i:min(i+s.Max, len(words))] {
			h = mix(h ^ w)
			if n+1 >= s.Min {
				dst = append(dst, h)
			}
		}
	}
	return dst
}

// appendWords appends the hash of each word of text.
func appendWords(dst []uint64, text string) []uint64 {
	for {
		word, rest := nextWord(text)
		if word == "" {
			return dst
		}
		dst = append(dst, hashWord(word))
		text = rest
	}
}

// nextWord returns the first word of text and what follows it. Without a word both are empty. A byte
// that is not part of valid UTF-8 is a word, U+FFFD.
func nextWord(text string) (word, rest string) {
	for i, r := range text {
		switch {
		case isWordRune(r):
			end := i + wordLen(text[i:])
			return text[i:end], text[end:]
		case !unicode.IsSpace(r):
			_, size := utf8.DecodeRuneInString(text[i:])
			return string(r), text[i+size:]
		}
	}
	return "", ""
}

// wordLen returns how many bytes of text, which begins with a word rune, are its first word.
func wordLen(text string) int {
	inner := -1 // where the apostrophe before i is, if there is one
	for i, r := range text {
		switch {
		case isWordRune(r):
			inner = -1
		case inner < 0 && isApostrophe(r):
			inner = i
		case inner >= 0:
			return inner
		default:
			return i
		}
	}
	if inner >= 0 {
		return inner
	}
	return len(text)
}

func isApostrophe(r rune) bool { return r == '\'' || r == '’' }

func isWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd)
}
