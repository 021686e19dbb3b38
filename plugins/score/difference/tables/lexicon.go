package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The lexicon is two sets of words:
//
//	common  words of English in use, lower case: what a misspelling may be meant for
//	rare    every other listed word, name and form that one edit turns into a common word: no misspelling
//
// Both are Golomb-coded sets of hashes. A lookup never misses a member. It takes a stranger for a member once in
// 2^commonBits and 2^rareBits words; for "rare" that is a refused misspelling, the safe side, and for "common" it
// matters only where the stranger is also one edit from another unlisted word.
const (
	commonBits = 10
	rareBits   = 8
	magic      = "kvasir lexicon 1"
)

var (
	commonLists = []string{"american-english-small"}
	longLists   = []string{"american-english", "british-english"} // common too from longLetters letters on
	allLists    = []string{"american-english-small", "american-english", "american-english-large", "american-english-huge",
		"american-english-insane", "british-english", "british-english-huge", "british-english-insane"}
)

// findLexicon returns the lexicon with its magic and length in front.
func findLexicon(s *spec, carry, words string) ([]byte, error) {
	if words != "" {
		return makeLexicon(s, words)
	}
	module, err := os.ReadFile(carry)
	if err != nil {
		return nil, fmt.Errorf("lexicon: %w; install the lists that README.md names and pass -words", err)
	}
	at := bytes.Index(module, []byte(magic))
	if at < 0 || len(module) < at+len(magic)+4 {
		return nil, fmt.Errorf("lexicon: module %q holds none", carry)
	}
	size := int(binary.LittleEndian.Uint32(module[at+len(magic):]))
	if size > len(module)-at {
		return nil, fmt.Errorf("lexicon: module %q holds a broken one", carry)
	}
	return module[at : at+size], nil
}

func makeLexicon(s *spec, folder string) ([]byte, error) {
	common, err := readLists(folder, commonLists, isLower)
	if err != nil {
		return nil, err
	}
	long, err := readLists(folder, longLists, isLongLower)
	if err != nil {
		return nil, err
	}
	maps.Copy(common, long)
	for _, w := range s.classes["common"] {
		common[w] = true
	}
	all, err := readLists(folder, allLists, isWord)
	if err != nil {
		return nil, err
	}
	listed := map[string]bool{}
	for w := range all {
		listed[strings.ToLower(w)] = true
	}
	for _, words := range s.classes {
		for _, w := range words {
			listed[strings.ToLower(w)] = true
		}
	}
	out := append([]byte(magic), 0, 0, 0, 0)
	out = append(out, encodeSet(common, commonBits)...)
	meant := takenFor(common, listed)
	for _, w := range append(fourLetters(s.classes["english"]), s.classes["place"]...) {
		meant[w] = true
	}
	out = append(out, encodeSet(rareNeighbours(meant, listed), rareBits)...)
	out = append(out, 0, 0, 0, 0) // a lookup reads four bytes at a time
	binary.LittleEndian.PutUint32(out[len(magic):], uint32(len(out)))
	return out, nil
}

func readLists(folder string, names []string, keep func(string) bool) (map[string]bool, error) {
	words := map[string]bool{}
	for _, name := range names {
		f, err := os.Open(filepath.Join(folder, name))
		if err != nil {
			return nil, err
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if w := strings.TrimSuffix(lines.Text(), "'s"); keep(w) {
				words[w] = true
			}
		}
		f.Close()
	}
	return words, nil
}

// longLetters is the length from which a word has so few neighbours that a slip in it is easily told.
const longLetters = 9

func isLongLower(w string) bool { return len(w) >= longLetters && isLower(w) }

// fourLetters are the words whose slips are read although they are short.
func fourLetters(words []string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return len(w) != 4 })
}

func isLower(w string) bool { return len(w) > 1 && isWord(w) && w == strings.ToLower(w) }

func isWord(w string) bool {
	for _, c := range []byte(w) {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return w != ""
}

// takenFor returns the members of common and the listed words that its set takes for members. With the neighbours
// of both in the other set, no two listed words are ever taken for each other.
func takenFor(common, listed map[string]bool) map[string]bool {
	size := uint64(buckets(common)) * perBucket << commonBits
	taken := map[uint64]bool{}
	for w := range common {
		taken[position(hash(w), size)] = true
	}
	out := maps.Clone(common)
	for w := range listed {
		if taken[position(hash(w), size)] {
			out[w] = true
		}
	}
	return out
}

func buckets(words map[string]bool) int { return (len(words) + perBucket - 1) / perBucket }

// rareNeighbours are the listed words that one edit leads to from a word that may be meant. Edits that the guard
// refuses whatever the lists say are left out: of the first letter, and most of the last.
func rareNeighbours(meant, listed map[string]bool) map[string]bool {
	out := map[string]bool{}
	for w := range meant {
		if len(w) < 4 {
			continue
		}
		for _, e := range edits(w) {
			if listed[e] && !meant[e] {
				out[e] = true
			}
		}
	}
	return out
}

// edits are the texts one edit away from w that may be a slip. See changes_form in src/spelling.c.
func edits(w string) []string {
	var out []string
	for i := 1; i <= len(w); i++ {
		a, b := w[:i], w[i:]
		if len(b) > 0 && !endsAnew(w, a+b[1:]) {
			out = append(out, a+b[1:])
		}
		if len(b) > 1 {
			out = append(out, a+b[1:2]+b[:1]+b[2:])
		}
		for c := 'a'; c <= 'z'; c++ {
			if longer := a + string(c) + b; !endsAnew(longer, w) {
				out = append(out, longer)
			}
			if len(b) > 1 {
				out = append(out, a+string(c)+b[1:])
			}
		}
	}
	return out
}

// endsAnew says whether the last letter of longer is all that it has more, and is no slip of a doubled letter.
func endsAnew(longer, shorter string) bool {
	n := len(longer)
	return longer[:n-1] == shorter && (longer[n-1] != longer[n-2] || longer[n-1] == 's')
}

// perBucket hashes share a bucket on average: few enough to read through at a lookup.
const perBucket = 64

// encodeSet writes u32 buckets, u32 bits and u32 bytes that follow; the bit position of each bucket and of the end,
// u24 each; then per bucket the gaps of its sorted remainders, Golomb-Rice coded with that many low bits.
func encodeSet(words map[string]bool, bits int) []byte {
	spread := uint64(perBucket) << bits
	members := make([][]uint64, buckets(words))
	for _, w := range slices.Sorted(maps.Keys(words)) {
		h := position(hash(w), uint64(len(members))*spread)
		members[h/spread] = append(members[h/spread], h%spread)
	}
	var payload bitWriter
	var offsets []byte
	for _, m := range members {
		offsets = appendU24(offsets, len(payload.bytes)*8-payload.free)
		slices.Sort(m)
		writeGaps(&payload, slices.Compact(m), bits)
	}
	offsets = appendU24(offsets, len(payload.bytes)*8-payload.free)
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(members)))
	out = binary.LittleEndian.AppendUint32(out, uint32(bits))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(offsets)+len(payload.bytes)))
	return append(append(out, offsets...), payload.bytes...)
}

func appendU24(b []byte, n int) []byte { return append(b, byte(n), byte(n>>8), byte(n>>16)) }

func writeGaps(w *bitWriter, sorted []uint64, bits int) {
	next := uint64(0)
	for _, v := range sorted {
		gap := v - next
		for range gap >> bits {
			w.write(1, 1)
		}
		w.write(0, 1)
		w.write(gap&(1<<bits-1), bits)
		next = v + 1
	}
}

// hash is FNV-1a with a final mix, as src/lexicon.c computes it.
func hash(w string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, c := range []byte(w) {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	h = (h ^ h>>32) * 0xd6e8feb86659fd93
	return h ^ h>>32
}

// position maps a hash to [0, n) by its upper half; n is below 2^32.
func position(h, n uint64) uint64 { return (h >> 32) * n >> 32 }

// A bitWriter appends bits, lowest first.
type bitWriter struct {
	bytes []byte
	free  int // bits of the last byte not yet used
}

func (w *bitWriter) write(v uint64, n int) {
	for i := range n {
		if w.free == 0 {
			w.bytes, w.free = append(w.bytes, 0), 8
		}
		w.bytes[len(w.bytes)-1] |= byte(v>>i&1) << (8 - w.free)
		w.free--
	}
}
