package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/eval"
)

// Arm is one way to answer requests. Ask is called by one goroutine, and its whole time counts.
type Arm interface {
	Ask(ctx context.Context, prompt string) (Answer, error)
}

// CachedArm is an arm with a cache, which is empty at first. Prompt returns the prompt of an entry, and its time
// does not count.
type CachedArm interface {
	Arm
	Prompt(ctx context.Context, entry string) (string, error)
}

// Answer is what an arm did for a request.
type Answer struct {
	base.Decision               // the zero value without a cache
	Model         time.Duration // what the inference took, 0 if there was none
	PromptTokens  int           // read by the model
	AnswerTokens  int           // written by the model
}

// Sample is a request that both arms answered.
type Sample struct {
	Asked         eval.Asked
	Without, With time.Duration // what the answer took
	Plain, Cached Answer
	Wrong         bool   // the cache answered with what the request does not share
	Stored        string // the prompt of the entry that answered
}

// hit reports whether the cache answered.
func (s *Sample) hit() bool { return s.Cached.Action == base.ActionAnswer }

// overhead is the time of the arm with the cache that was not the model's.
func (s *Sample) overhead() time.Duration { return s.With - s.Cached.Model }

// Repeat replays a stream of requests without a cache and with one.
type Repeat struct {
	Stream  []eval.Asked
	Without Arm
	With    CachedArm
	Seed    uint64           // decides which arm goes first
	Now     func() time.Time // nil means time.Now

	samples  []Sample
	failures int
	failure  string // the first of them
	groups   []string
	stored   map[string]string // the group of each remembered prompt
}

// Progress is told what is measured so far, after each request.
type Progress func(done int, without, with time.Duration)

// Run asks each request of both arms. A request that is invalid by itself, such as a prompt that is too long, is
// left out and counted. Any other failure, and the end of ctx, ends the run with its error; what both arms
// answered before counts.
func (r *Repeat) Run(ctx context.Context, progress Progress) error {
	if r.Now == nil {
		r.Now = time.Now
	}
	r.groups, r.stored = eval.Groups(r.Stream), map[string]string{}
	first := order{rng: rand.New(rand.NewPCG(r.Seed, 0))}
	var without, with time.Duration
	for i, asked := range r.Stream {
		s, err := r.ask(ctx, i, first.cached())
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, base.ErrInvalid):
			r.fail(fmt.Errorf("line %d: %w", asked.Line, err))
			continue
		case err != nil:
			return fmt.Errorf("line %d: %w", asked.Line, err)
		}
		r.samples = append(r.samples, s)
		without, with = without+s.Without, with+s.With
		if progress != nil {
			progress(i+1, without, with)
		}
	}
	return nil
}

func (r *Repeat) fail(err error) {
	if r.failures++; r.failures == 1 {
		r.failure = err.Error()
	}
}

// order decides who goes first. Of two requests in a row, each arm goes first at one, and a coin decides at
// which: no pattern in the stream can favour an arm.
type order struct {
	rng  *rand.Rand
	next []bool
}

// cached reports whether the arm with the cache goes first at the next request.
func (o *order) cached() bool {
	if len(o.next) == 0 {
		coin := o.rng.IntN(2) == 1
		o.next = []bool{coin, !coin}
	}
	now := o.next[0]
	o.next = o.next[1:]
	return now
}

// ask asks both arms.
func (r *Repeat) ask(ctx context.Context, i int, cachedFirst bool) (Sample, error) {
	s := Sample{Asked: r.Stream[i]}
	turns := []func(context.Context, int, *Sample) error{r.askPlain, r.askCached}
	if cachedFirst {
		slices.Reverse(turns)
	}
	for _, turn := range turns {
		if err := turn(ctx, i, &s); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (r *Repeat) askPlain(ctx context.Context, _ int, s *Sample) (err error) {
	s.Plain, s.Without, err = r.timed(ctx, r.Without, s.Asked.Prompt)
	return err
}

// askCached also finds out whether the answer was right: whether it was made for a request of the same group.
func (r *Repeat) askCached(ctx context.Context, i int, s *Sample) (err error) {
	if s.Cached, s.With, err = r.timed(ctx, r.With, s.Asked.Prompt); err != nil {
		return err
	}
	if !s.hit() {
		r.stored[s.Asked.Prompt] = r.groups[i]
		return nil
	}
	if s.Stored, err = r.With.Prompt(ctx, s.Cached.Entry); err != nil {
		return err
	}
	group, ok := r.stored[s.Stored]
	if !ok {
		return fmt.Errorf("entry %s answered, and no request before has its prompt; the store was not empty", s.Cached.Entry)
	}
	s.Wrong = group != r.groups[i]
	return nil
}

func (r *Repeat) timed(ctx context.Context, arm Arm, prompt string) (Answer, time.Duration, error) {
	began := r.Now()
	a, err := arm.Ask(ctx, prompt)
	return a, r.Now().Sub(began), err
}
