package base

import (
	"context"
	"time"
)

// StateChecker is a StateHost that can prove on this machine what saved state promises: that a prompt which
// resumes gives the same numbers as one that is read from the beginning.
type StateChecker interface {
	StateHost
	// CheckState compares prompts of these lengths, in tokens, read and resumed at several places, alone and
	// beside another request. Without lengths it does one short comparison. It computes in memory of its
	// own and beside the requests in work, which it slows down. It calls progress, if there is one, with
	// the share that is done, from 0 to 1. A model whose state cannot be saved gives ErrUnsupported.
	CheckState(ctx context.Context, lengths []int, progress func(done float64)) (*StateCheck, error)
}

// StateCheck is what CheckState found. Differences are the largest of a logit, over the end of the prompt and
// the tokens that follow.
type StateCheck struct {
	Identical  bool    // alone, every bit of every logit was the same
	Difference float64 // alone, of resumed and cold
	Busy       float64 // beside another request, of resumed and cold
	Cold       float64 // of cold beside another request and cold alone: what Busy is to be measured by
	Trials     []StateTrial
	Took       time.Duration
}

// Holds reports whether the promise holds: nothing differs alone, and beside another request no more than
// cold prompts do.
func (c *StateCheck) Holds() bool { return c.Identical && c.Busy <= c.Cold }

// StateTrial is one comparison.
type StateTrial struct {
	Length     int // tokens of the prompt
	Resumed    int // of them, restored
	Busy       bool
	Identical  bool
	Difference float64
}
