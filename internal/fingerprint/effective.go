package fingerprint

import (
	"cmp"
	"slices"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// defaultRepeatLastN is what a RepeatLastN of 0 means. It is encoded as a number, so that another
// default would be another key.
const defaultRepeatLastN = 64

// effective returns r in the one form of all requests that have its answer. It shares memory with
// r and changes none of it.
func effective(r *base.Request) base.Request {
	e := *r
	e.MaxTokens = 0
	e.Stop = sortedSet(r.Stop)
	e.Sampling = effectiveDraw(e.Sampling)
	effectivePenalties(&e.Sampling)
	e.Sampling.LogitBias = effectiveBias(r.Sampling.LogitBias)
	e.Passed = effectivePassed(r.Passed)
	return e
}

// effectivePassed drops what cannot change an answer. All else counts as it is written: nothing here knows
// which texts of JSON mean the same to an upstream.
func effectivePassed(list []base.Passed) []base.Passed {
	var kept []base.Passed
	for _, p := range list {
		if !p.Neutral() {
			kept = append(kept, p)
		}
	}
	slices.SortFunc(kept, func(a, b base.Passed) int {
		return cmp.Or(cmp.Compare(a.Message, b.Message), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	})
	return slices.Compact(kept)
}

// effectiveDraw: at temperature 0 the likeliest token is taken, and nothing is cut off or drawn.
func effectiveDraw(s base.Sampling) base.Sampling {
	if s.Temperature == 0 {
		s.Temperature, s.TopK, s.TopP, s.MinP, s.Seed = 0, 0, 0, 0, nil
		return s
	}
	if s.TopP = unsigned(s.TopP); s.TopP == 1 {
		s.TopP = 0
	}
	s.MinP = unsigned(s.MinP)
	return s
}

func effectivePenalties(s *base.Sampling) {
	if s.RepeatPenalty = unsigned(s.RepeatPenalty); s.RepeatPenalty == 1 {
		s.RepeatPenalty = 0
	}
	s.FrequencyPenalty = unsigned(s.FrequencyPenalty)
	s.PresencePenalty = unsigned(s.PresencePenalty)
	off := s.RepeatPenalty == 0 && s.FrequencyPenalty == 0 && s.PresencePenalty == 0
	switch {
	case off:
		s.RepeatLastN = 0
	case s.RepeatLastN == 0:
		s.RepeatLastN = defaultRepeatLastN
	}
}

// effectiveBias sorts by token and drops what adds nothing. Several biases of one token keep their
// order: they are added one after another, and floating-point sums depend on it.
func effectiveBias(list []base.LogitBias) []base.LogitBias {
	var kept []base.LogitBias
	for _, b := range list {
		if b.Bias != 0 {
			kept = append(kept, b)
		}
	}
	slices.SortStableFunc(kept, func(a, b base.LogitBias) int { return cmp.Compare(a.Token, b.Token) })
	return kept
}
