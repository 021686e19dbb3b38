// Scores by trigrams: the share that two texts have in common of the runs of three characters in either.
// A text of fewer than three characters is one gram.
package main

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/kvasir-cache/kvasir/hostapi/guest"
)

func init() {
	guest.Describe(`{"name": "trigrams", "version": "1.0.0", "scorer": {"class": "rerank",
		"index": {"unit": "char", "min": 3, "max": 3, "floor": 0.7}, "sound": true}}`)
}

//lint:ignore U1000 the host calls it
//go:wasmexport kvasir_score
func score(ptr, n uint32) uint64 { return guest.Score(ptr, n, trigrams) }

// maxText keeps the table within the memory of an instance.
const maxText = 256 << 10

func trigrams(query string, candidates []string, scores []float32) error {
	longest := len(query)
	for _, c := range candidates {
		longest = max(longest, len(c))
	}
	if longest > maxText {
		return fmt.Errorf("a text has %d bytes, and at most %d are scored", longest, maxText)
	}
	makeTable(len(query) + longest + 2)
	inQuery := addQuery(query)
	for i, c := range candidates {
		scores[i] = scoreOne(c, uint32(i+1), inQuery)
	}
	return nil
}

// eachGram calls f with each gram of a text. A gram is its characters, 21 bits each and plus one, so that
// a shorter one is another number.
func eachGram(text string, f func(gram uint64)) {
	var window uint64
	seen := 0
	for _, r := range text {
		window = (window<<21 | uint64(r+1)) & (1<<63 - 1)
		if seen++; seen >= 3 {
			f(window)
		}
	}
	if seen < 3 {
		f(window) // a short text is one gram, also when it is empty
	}
}

// A slot of the table holds a gram of the query, or of the candidate whose number is in seen; others are
// free. What is in the query was there first, so leftovers are never between it and its place.
type slot struct {
	gram    uint64
	inQuery bool
	seen    uint32
}

// table is kept from call to call, so that scoring allocates nothing.
var table []slot

// makeTable has room for so many grams, with half of it free.
func makeTable(grams int) {
	size := 1 << bits.Len(uint(2*grams))
	if size > cap(table) {
		table = make([]slot, size)
		return
	}
	table = table[:size]
	clear(table)
}

func find(gram uint64, candidate uint32) *slot {
	mask := len(table) - 1
	for i := int(gram * 0x9e3779b97f4a7c15 >> 33); ; i++ {
		s := &table[i&mask]
		if !s.inQuery && s.seen != candidate || s.gram == gram {
			return s
		}
	}
}

// addQuery returns how many grams the query has.
func addQuery(text string) (distinct int) {
	eachGram(text, func(gram uint64) {
		s := find(gram, math.MaxUint32)
		if !s.inQuery {
			distinct++
		}
		*s = slot{gram: gram, inQuery: true}
	})
	return distinct
}

func scoreOne(text string, candidate uint32, inQuery int) float32 {
	distinct, common := 0, 0
	eachGram(text, func(gram uint64) {
		s := find(gram, candidate)
		if s.seen == candidate {
			return
		}
		s.gram, s.seen = gram, candidate
		distinct++
		if s.inQuery {
			common++
		}
	})
	return float32(float64(common) / float64(inQuery+distinct-common))
}

func main() {}
