package eval

import (
	"encoding/json"
	"math"
)

// Rate is a share in [0,1]. That of nothing is NaN, which JSON has as null.
type Rate float64

// RateOf returns part of whole as a share.
func RateOf(part, whole int) Rate {
	if whole == 0 {
		return Rate(math.NaN())
	}
	return Rate(float64(part) / float64(whole))
}

// Known reports whether there was anything to have a share of.
func (r Rate) Known() bool { return !math.IsNaN(float64(r)) }

// MarshalJSON writes six digits after the point, or null.
func (r Rate) MarshalJSON() ([]byte, error) {
	if !r.Known() {
		return []byte("null"), nil
	}
	return json.Marshal(math.Round(float64(r)*1e6) / 1e6)
}

// UpperBound returns the one-sided 95 % upper bound by Clopper and Pearson (1934) on a share of which part of
// whole was seen: were the share larger, so few would be seen in fewer than one run of twenty. Of nothing it
// is 1.
func UpperBound(part, whole int) Rate {
	if part >= whole {
		return 1
	}
	low, high := float64(part)/float64(whole), 1.0
	for high-low > 1e-9 {
		middle := (low + high) / 2
		if atMost(part, whole, middle) > 0.05 {
			low = middle
		} else {
			high = middle
		}
	}
	return Rate(high)
}

// atMost is the chance to see at most k of n, each with the chance p. The terms go down from k, where they
// are largest for p above k/n, each from the one before.
func atMost(k, n int, p float64) float64 {
	if p >= 1 {
		return 0
	}
	odds := (1 - p) / p
	sum, term := 1.0, 1.0
	for i := k; i > 0 && term > sum*1e-17; i-- {
		term *= float64(i) / float64(n-i+1) * odds
		sum += term
	}
	return math.Exp(logChoose(n, k)+float64(k)*math.Log(p)+float64(n-k)*math.Log1p(-p)) * sum
}

func logChoose(n, k int) float64 {
	logFactorial := func(m int) float64 {
		l, _ := math.Lgamma(float64(m) + 1)
		return l
	}
	return logFactorial(n) - logFactorial(k) - logFactorial(n-k)
}
