package ngram

import (
	"fmt"
	"slices"
)

// Unit is what grams are made of.
type Unit int

const (
	Char Unit = 0 // runes
	Word Unit = 1 // words, as the package comment defines them
)

// String returns the unit as configuration and manifests write it.
func (u Unit) String() string {
	switch u {
	case Char:
		return "char"
	case Word:
		return "word"
	}
	return fmt.Sprintf("Unit(%d)", int(u))
}

// ParseUnit is the inverse of String.
func ParseUnit(text string) (Unit, error) {
	switch text {
	case "char":
		return Char, nil
	case "word":
		return Word, nil
	}
	return 0, fmt.Errorf("unit %q: want char or word", text)
}

// MaxN is the greatest n of a Spec.
const MaxN = 8

// Spec says which grams of a text there are: those of Min to Max units. It may be used by many
// goroutines at a time.
type Spec struct {
	Unit     Unit
	Min, Max int
}

// Check reports what is wrong with s. The methods of a Spec that fails it panic.
func (s Spec) Check() error {
	switch {
	case s.Unit != Char && s.Unit != Word:
		return fmt.Errorf("n-grams: unit %d: want 0 (char) or 1 (word)", int(s.Unit))
	case s.Min < 1 || s.Max < s.Min || s.Max > MaxN:
		return fmt.Errorf("n-grams: n from %d to %d: want 1 to %d", s.Min, s.Max, MaxN)
	}
	return nil
}

func (s Spec) mustCheck() {
	if err := s.Check(); err != nil {
		panic(err)
	}
}

// AppendSet appends the hashes of the grams of text to dst, ascending and each once. There is at least
// one. What dst held before stays as it is.
func (s Spec) AppendSet(dst []uint64, text string) []uint64 {
	s.mustCheck()
	sc := getScratch()
	defer putScratch(sc)
	start := len(dst)
	dst = s.appendGrams(dst, text, sc)
	set := dst[start:]
	slices.Sort(set)
	return dst[:start+len(slices.Compact(set))]
}

// appendGrams appends the hash of each gram of text, in no order, with repetitions.
func (s Spec) appendGrams(dst []uint64, text string, sc *scratch) []uint64 {
	start := len(dst)
	switch {
	case s.Unit == Word:
		sc.words = appendWords(sc.words[:0], text)
		dst = s.appendWordGrams(dst, sc.words)
	case s.Max <= packed:
		dst = s.appendPacks(dst, text)
		for i, p := range dst[start:] {
			dst[start+i] = mix(seed ^ p)
		}
	default:
		sc.runes = appendRunes(sc.runes[:0], text)
		dst = s.appendRuneGrams(dst, sc.runes)
	}
	if len(dst) == start {
		return append(dst, s.whole(text, sc))
	}
	return dst
}

// appendIDs appends a number for each gram of text, the same for the same gram. It is what appendGrams
// appends, or something cheaper.
func (s Spec) appendIDs(dst []uint64, text string, sc *scratch) []uint64 {
	if s.Unit == Word || s.Max > packed {
		return s.appendGrams(dst, text, sc)
	}
	start := len(dst)
	if dst = s.appendPacks(dst, text); len(dst) == start {
		return append(dst, pack([]rune(text)))
	}
	return dst
}

// whole returns the only gram of a text of fewer than Min units.
func (s Spec) whole(text string, sc *scratch) uint64 {
	if s.Unit == Word {
		return hashWords(sc.words)
	}
	return hashRunes([]rune(text))
}
