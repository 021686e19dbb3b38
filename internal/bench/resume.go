package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// FirstToken is what the first token of an answer took.
type FirstToken struct {
	Took     time.Duration // from asking to the token
	Restore  time.Duration // of it, putting saved state back
	Prefill  time.Duration // of it, reading what of the prompt was not restored
	Restored int           // tokens of the prompt that were restored
}

// ResumeArm is a way to answer prompts that can save what it has read and go on from there. It is used by one
// goroutine.
type ResumeArm interface {
	// Cold answers a prompt that begins like no other before.
	Cold(ctx context.Context, prompt []base.Token) (FirstToken, error)
	// Save sees to it that the state of the prompt that Cold answered last is on disk, under a name if it has
	// one there, and returns the bytes of its files. Its time does not count.
	Save(ctx context.Context, name string) (bytes int64, err error)
	// Resume answers a prompt that begins like the one saved under the name.
	Resume(ctx context.Context, name string, prompt []base.Token) (FirstToken, error)
}

// Resume measures the time to the first token of prompts that are read from the beginning, and of others that
// begin like them and go on from saved state. Its fields but Slots must be set.
type Resume struct {
	Lengths    []int // tokens that two prompts share
	Rounds     int
	Tail       int       // tokens of each prompt that are its own
	Vocabulary int       // tokens are drawn below it
	Seed       uint64    // of the tokens and of the order
	Cache      ResumeArm // what is measured
	Slots      ResumeArm // what it is compared with; nil for nothing

	rng  *rand.Rand
	runs []*lengthRun // by length
}

// lengthRun is what was measured with one length.
type lengthRun struct {
	length      int
	cache, slot armRun
	done        int // rounds
}

// armRun is what one arm did with one length, by round.
type armRun struct {
	arm           ResumeArm
	cold, resumed []FirstToken
	bytes         int64
}

// ResumeProgress is told of each length of each round that is done.
type ResumeProgress func(done, all int)

// Run measures round after round, each with all lengths. A round asks prompts with a new beginning, and ones that
// begin like those of the round before, in an order that is drawn; the round before the first one does not
// count. An error, and the end of ctx, end the run; what was measured before counts.
func (r *Resume) Run(ctx context.Context, progress ResumeProgress) error {
	r.rng = rand.New(rand.NewPCG(r.Seed, 2))
	for _, length := range r.Lengths {
		r.runs = append(r.runs, &lengthRun{length: length, cache: armRun{arm: r.Cache}, slot: armRun{arm: r.Slots}})
	}
	before := make([][]base.Token, len(r.runs)) // beginnings of the last round
	for round := range r.Rounds + 1 {
		for i, l := range r.runs {
			fresh := r.draw(l.length)
			if err := r.round(ctx, l, round, before[i], fresh); err != nil {
				return fmt.Errorf("%d tokens: %w", l.length, err)
			}
			before[i] = fresh
			if progress != nil {
				progress(round*len(r.runs)+i+1, (r.Rounds+1)*len(r.runs))
			}
		}
	}
	return nil
}

// draw returns tokens that begin like no others.
func (r *Resume) draw(n int) []base.Token {
	tokens := make([]base.Token, n)
	for i := range tokens {
		tokens[i] = base.Token(r.rng.IntN(r.Vocabulary))
	}
	return tokens
}

// round measures one length once. Without a beginning of the round before, nothing counts.
func (r *Resume) round(ctx context.Context, l *lengthRun, round int, before, fresh []base.Token) error {
	var turns []func() error
	for _, a := range []*armRun{&l.cache, &l.slot} {
		if a.arm == nil {
			continue
		}
		turns = append(turns, func() error { return a.askCold(ctx, r.name(l, round), r.prompt(fresh), before != nil) })
		if before != nil {
			turns = append(turns, func() error { return a.askResumed(ctx, r.name(l, round-1), r.prompt(before)) })
		}
	}
	r.rng.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
	for _, turn := range turns {
		if err := turn(); err != nil {
			return err
		}
	}
	if before != nil {
		l.done++
	}
	return nil
}

// name is that of saved state; the last round's and this one's are needed.
func (r *Resume) name(l *lengthRun, round int) string { return fmt.Sprintf("%d-%d", l.length, round%2) }

// prompt goes on from a beginning with tokens of its own.
func (r *Resume) prompt(beginning []base.Token) []base.Token {
	return slices.Concat(beginning, r.draw(r.Tail))
}

func (a *armRun) askCold(ctx context.Context, name string, prompt []base.Token, counts bool) error {
	first, err := a.arm.Cold(ctx, prompt)
	if err != nil {
		return err
	}
	if first.Restored > 0 {
		return fmt.Errorf("%d tokens of a prompt that is new were restored; the store was not empty", first.Restored)
	}
	bytes, err := a.arm.Save(ctx, name)
	if err == nil && counts {
		a.cold, a.bytes = append(a.cold, first), bytes
	}
	return err
}

func (a *armRun) askResumed(ctx context.Context, name string, prompt []base.Token) error {
	first, err := a.arm.Resume(ctx, name, prompt)
	if err != nil {
		return err
	}
	if first.Restored == 0 {
		return fmt.Errorf("nothing of a prompt was restored whose beginning was saved")
	}
	a.resumed = append(a.resumed, first)
	return nil
}
