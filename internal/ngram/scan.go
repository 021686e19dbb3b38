package ngram

import (
	"math/bits"
	"sync"
)

// search is the state of one search. Its buffers are used again by later ones.
type search struct {
	SearchOptions
	kind  Kind
	query []uint64 // borrowed
	mixed []uint64 // the grams of the query, mixed for signatures

	below, above walk // over the sizes up to the query's, and over those after it
	hits         []int32

	waiting waiting
	matches matches
	info    SearchInfo
}

// walk goes over the sizes in one direction, away from the query's.
type walk struct {
	step  int     // -1 or 1
	next  int     // the first size that is not scanned yet
	most  float64 // the best score that the sizes from there on allow
	query signature
	sieve sieve
}

// signature is the query's, as wide as those it is compared with.
type signature struct {
	words []uint64
	front []uint64
	ones  int
}

var searches = sync.Pool{New: func() any { return new(search) }}

func (s *search) begin(kind Kind, query []uint64, o SearchOptions) {
	s.SearchOptions, s.kind, s.query, s.info = o, kind, query, SearchInfo{}
	s.Floor = max(o.Floor, 0)
	if s.MaxReads == 0 {
		s.MaxReads = DefaultMaxReads
	}
	s.mixed = s.mixed[:0]
	for _, gram := range query {
		s.mixed = append(s.mixed, mix(gram))
	}
	s.below.begin(-1, len(query))
	s.above.begin(1, len(query)+1)
	s.waiting = s.waiting[:0]
	s.matches.begin(max(o.Limit, 1))
}

func (w *walk) begin(step, from int) {
	w.step, w.next, w.query.words = step, from, w.query.words[:0] // of no query
}

// recycle gives the buffers to later searches, unless they have become so large that few would need them.
func (s *search) recycle() {
	s.query = nil
	if max(cap(s.mixed), cap(s.hits), cap(s.waiting), cap(s.matches.best)) <= keep {
		searches.Put(s)
	}
}

// most returns the best score that the entries of r allow, 0 if there are none.
func (s *search) most(r *rows) float64 {
	if r == nil {
		return 0
	}
	return s.Measure.most(len(s.query), r.size)
}

// floor returns the lowest score that counts. It rises when as many matches are found as are wanted.
func (s *search) floor() float64 {
	if s.matches.full() {
		return max(s.Floor, s.matches.worst().Score)
	}
	return s.Floor
}

// scan puts those entries of r that may be matches among the waiting ones.
func (s *search) scan(w *walk, r *rows) {
	need := s.Measure.need(s.floor(), len(s.query), r.size)
	if need > min(len(s.query), r.size) {
		return
	}
	s.info.Scanned += r.len()
	w.widen(s.kind, s.mixed, r)
	w.demand(s.kind, need, len(s.query), r.size)
	s.hits = w.sieve.appendRows(s.hits[:0], r.fronts)
	for _, row := range s.hits {
		s.judge(&w.query, need, r, int(row))
	}
}

// judge computes the bound of one entry.
func (s *search) judge(query *signature, need int, r *rows, row int) {
	n := query.overlap(s.kind, r, row, len(s.query))
	if n < need {
		return
	}
	c := Match{ID: r.id(row), Score: s.Measure.score(n, len(s.query), r.size)}
	if s.matches.wants(c) {
		s.waiting.push(c)
	}
}

// overlap bounds how many grams a query of q and an entry share. Of parities, each bit that differs is a gram
// that only one has; of presences, each bit that only one has is a gram that the other lacks.
func (query *signature) overlap(kind Kind, r *rows, row, q int) int {
	front, rest := r.at(row)
	if kind == Parity {
		return min(q, r.size, (q+r.size-query.differing(front, rest))/2)
	}
	return min(q-query.ones, r.size-ones(front)) + shared(front, query.words)
}

// differing returns in how many bits a parity, given by its front and its rest, differs from the query's.
func (query *signature) differing(front, rest []uint64) int {
	n, ours := 0, query.words[len(front):]
	for i, word := range front {
		word ^= query.front[i]
		if i < len(rest) {
			folded := rest[i] ^ ours[i]
			word ^= folded
			n += bits.OnesCount64(folded)
		}
		n += bits.OnesCount64(word)
	}
	return n
}

// widen makes the query's signature as wide as those of the sizes to come. Most have the width of the
// size before.
func (w *walk) widen(kind Kind, mixed []uint64, r *rows) {
	q := &w.query
	if len(q.words) == r.width && len(q.front) == r.front {
		return
	}
	q.words, q.front = resize(q.words, r.width), resize(q.front, r.front)
	for _, m := range mixed {
		kind.mark(q.words, m)
	}
	fold(q.front, q.words)
	q.ones = ones(q.words)
	w.sieve.parity = kind == Parity
	w.sieve.mask = resize(w.sieve.mask, r.front)
	for i, word := range q.front {
		if kind == Presence && w.step < 0 {
			word = ^word
		}
		w.sieve.mask[i] = word
	}
}

// demand sets the sieve to what sets that share need grams must fulfil. Of presences it looks at the smaller
// set, which must share the larger part of its grams: how many bits of the entry the query lacks, where the
// entry is the smaller one, else how many bits of the query the entry has.
func (w *walk) demand(kind Kind, need, q, c int) {
	switch {
	case kind == Parity:
		w.sieve.limit = q + c - 2*need
	case w.step < 0:
		w.sieve.limit, w.sieve.flip = c-need+1, -1
	default:
		w.sieve.limit, w.sieve.flip = w.query.ones-(q-need), 0
	}
}

// readReady reads the waiting entries, the best first, as long as the sizes to come cannot hold a better
// one.
func (s *search) readReady(read func(id uint64) ([]uint64, bool), more bool) {
	for len(s.waiting) > 0 && (!more || s.waiting[0].Score > s.ahead()) {
		best := s.waiting.pop()
		if !s.matches.wants(best) {
			s.waiting = s.waiting[:0] // nor any that is worse
			return
		}
		if s.info.Read == s.MaxReads {
			s.info.Incomplete = true
			return
		}
		s.info.Read++
		if set, ok := read(best.ID); ok {
			s.found(Match{best.ID, s.Measure.Of(s.query, set)})
		}
	}
}

// ahead returns the best score that the sizes to come allow.
func (s *search) ahead() float64 { return max(s.below.most, s.above.most) }

func (s *search) found(m Match) {
	if m.Score >= s.Floor && m.Score > 0 && s.matches.wants(m) {
		s.matches.add(m)
	}
}

func ones(words []uint64) int {
	n := 0
	for _, w := range words {
		n += bits.OnesCount64(w)
	}
	return n
}

// resize returns n zeros, in s if they fit.
func resize(s []uint64, n int) []uint64 {
	if cap(s) < n {
		return make([]uint64, n)
	}
	s = s[:n]
	clear(s)
	return s
}
