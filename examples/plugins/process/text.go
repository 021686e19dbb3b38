package main

import "slices"

// normalize lowers ASCII letters and writes each run of ASCII white space as one blank, none at the ends.
func normalize(text string) string {
	out := make([]byte, 0, len(text))
	gap := false
	for i := range len(text) {
		c := text[i]
		if c == ' ' || c >= '\t' && c <= '\r' {
			gap = len(out) > 0
			continue
		}
		if gap {
			out = append(out, ' ')
			gap = false
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		out = append(out, c)
	}
	return string(out)
}

// score returns for each candidate the share that it and query have in common of the trigrams in either.
func score(query string, candidates []string) []float32 {
	want := trigrams(nil, query)
	scores := make([]float32, len(candidates))
	var have []uint64
	for i, candidate := range candidates {
		have = trigrams(have[:0], candidate)
		scores[i] = jaccard(want, have)
	}
	return scores
}

// trigrams appends the distinct runs of three characters of text to grams, which is empty, in ascending
// order. A shorter text, the empty one too, is one gram. A gram is its characters, 21 bits each and plus
// one, so that a shorter one is another number.
func trigrams(grams []uint64, text string) []uint64 {
	var window uint64
	n := 0
	for _, r := range text {
		window = (window<<21 | (uint64(r) + 1)) & (1<<63 - 1)
		if n++; n >= 3 {
			grams = append(grams, window)
		}
	}
	if n < 3 {
		grams = append(grams, window)
	}
	slices.Sort(grams)
	return slices.Compact(grams)
}

// jaccard compares two ascending sets that are not empty.
func jaccard(a, b []uint64) float32 {
	both := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			both, i, j = both+1, i+1, j+1
		}
	}
	return float32(both) / float32(len(a)+len(b)-both)
}
