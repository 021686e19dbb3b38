// Scores by trigrams: the share that two texts have in common of the runs of three characters in either.
// A text of fewer than three characters is one gram.
package main

import (
	"slices"

	"github.com/kvasir-cache/kvasir/hostapi/guest"
)

func init() {
	guest.Describe(`{"name": "trigrams", "version": "1.0.0", "scorer": {"class": "rerank",
		"index": {"unit": "char", "min": 3, "max": 3, "floor": 0.7}, "sound": true}}`)
}

//lint:ignore U1000 the host calls it
//go:wasmexport kvasir_score
func score(ptr, n uint32) uint64 { return guest.Score(ptr, n, trigrams) }

// Kept from call to call, so that scoring allocates nothing.
var queryGrams, grams []uint64

func trigrams(query string, candidates []string, scores []float32) error {
	queryGrams = gramsOf(queryGrams, query)
	for i, c := range candidates {
		grams = gramsOf(grams, c)
		scores[i] = jaccard(queryGrams, grams)
	}
	return nil
}

// gramsOf returns the grams of a text, ascending and each once, in the memory of list. A gram is its
// characters, 21 bits each and plus one, so that a shorter one is another number.
func gramsOf(list []uint64, text string) []uint64 {
	list = list[:0]
	var window uint64
	seen := 0
	for _, r := range text {
		window = (window<<21 | uint64(r+1)) & (1<<63 - 1)
		if seen++; seen >= 3 {
			list = append(list, window)
		}
	}
	if seen < 3 {
		list = append(list, window) // a short text is one gram, also when it is empty
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func jaccard(a, b []uint64) float32 {
	i, j, common := 0, 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			i, j, common = i+1, j+1, common+1
		}
	}
	return float32(float64(common) / float64(len(a)+len(b)-common))
}

func main() {}
