package main

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
	want := trigrams(query)
	scores := make([]float32, len(candidates))
	for i, candidate := range candidates {
		scores[i] = jaccard(want, trigrams(candidate))
	}
	return scores
}

// trigrams returns the distinct runs of three characters of text. A shorter text, the empty one too, is
// one gram.
func trigrams(text string) map[string]bool {
	grams := make(map[string]bool, len(text))
	var starts [3]int // of the characters before
	n := 0
	for i := range text {
		if n >= 3 {
			grams[text[starts[n%3]:i]] = true
		}
		starts[n%3] = i
		n++
	}
	if n < 3 {
		return map[string]bool{text: true}
	}
	grams[text[starts[n%3]:]] = true
	return grams
}

func jaccard(a, b map[string]bool) float32 {
	both := 0
	for gram := range a {
		if b[gram] {
			both++
		}
	}
	return float32(both) / float32(len(a)+len(b)-both)
}
