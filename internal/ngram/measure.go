package ngram

import (
	"fmt"
	"math"
)

// Measure says how alike a query and an entry are.
type Measure int

const (
	// ByJaccard is what Jaccard returns.
	ByJaccard Measure = 0
	// ByContainment is what Containment returns: how much of the query is in the entry.
	ByContainment Measure = 1
)

// String returns the measure as configuration and manifests write it.
func (m Measure) String() string {
	switch m {
	case ByJaccard:
		return "jaccard"
	case ByContainment:
		return "containment"
	}
	return fmt.Sprintf("Measure(%d)", int(m))
}

// Of returns the score of two sets.
func (m Measure) Of(query, entry []uint64) float64 {
	if m == ByContainment {
		return Containment(query, entry)
	}
	return Jaccard(query, entry)
}

// score returns the score of sets of q and c grams that share n, as Of would: the same division of the
// same numbers. It never falls as n grows.
func (m Measure) score(n, q, c int) float64 {
	if m == ByContainment {
		return float64(n) / float64(q)
	}
	return float64(n) / float64(q+c-n)
}

// most returns the best score a set of c grams can have. It never grows as c goes away from q.
func (m Measure) most(q, c int) float64 { return m.score(min(q, c), q, c) }

// need returns the smallest number of grams, 1 or more, that sets of q and c must share for a score of
// floor. It may be more than they can share. A rounding error may make the estimate one too large, so the
// numbers below it are tried as a search compares them: 3 of 5 are 0.6.
func (m Measure) need(floor float64, q, c int) int {
	estimate := floor * float64(q)
	if m == ByJaccard {
		estimate = floor / (1 + floor) * float64(q+c)
	}
	n := max(int(math.Ceil(estimate)), 1)
	for n > 1 && m.score(n-1, q, c) >= floor {
		n--
	}
	return n
}
