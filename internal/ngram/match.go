package ngram

import "slices"

// better says whether a comes before b: by its score, and among equals by its id.
func better(a, b Match) bool {
	return a.Score > b.Score || a.Score == b.Score && a.ID < b.ID
}

// matches holds the best matches found so far, the best first.
type matches struct {
	best  []Match
	limit int
}

func (m *matches) begin(limit int) { m.best, m.limit = m.best[:0], limit }

func (m *matches) full() bool { return len(m.best) == m.limit }

func (m *matches) worst() Match { return m.best[len(m.best)-1] }

// wants says whether a match would be among the best.
func (m *matches) wants(a Match) bool { return !m.full() || better(a, m.worst()) }

// add adds a match that is wanted.
func (m *matches) add(a Match) {
	if m.full() {
		m.best = m.best[:len(m.best)-1]
	}
	at := len(m.best)
	for at > 0 && better(a, m.best[at-1]) {
		at--
	}
	m.best = slices.Insert(m.best, at, a)
}

func (m *matches) list() []Match { return slices.Clone(m.best) }

// waiting is a heap of entries to read. The first has the best bound.
type waiting []Match

func (h *waiting) push(a Match) {
	*h = append(*h, a)
	s := *h
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !better(a, s[parent]) {
			break
		}
		s[i], i = s[parent], parent
	}
	s[i] = a
}

func (h *waiting) pop() Match {
	s := *h
	first, last := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	if len(s) > 0 {
		s.sink(last)
	}
	return first
}

// sink puts a in from the top.
func (h waiting) sink(a Match) {
	i := 0
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && better(h[child+1], h[child]) {
			child++
		}
		if !better(h[child], a) {
			break
		}
		h[i], i = h[child], child
	}
	h[i] = a
}
