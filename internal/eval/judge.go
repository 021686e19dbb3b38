package eval

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// Progress is told how far an evaluation is: done of all. nil is not told.
type Progress func(done, all int)

func (p Progress) show(done, all int) {
	if p != nil {
		p(done, all)
	}
}

// outcome is what a strategy makes of one pair.
type outcome struct {
	score  float64
	served bool
	passes bool // the guard lets it pass, whatever the score
	why    string
	err    error
}

// RunPairs judges every pair by a strategy, as if text_a were stored and text_b asked. A pair that cannot be
// judged counts as not served, as in the cache, and as a failure. The error is that of ctx.
func RunPairs(ctx context.Context, s *engine.Strategy, pairs []Pair, progress Progress) (*Result, error) {
	outcomes, err := judgeAll(ctx, s, pairs, progress)
	if err != nil {
		return nil, err
	}
	r := newResult(s.Name)
	r.PairCounts = &PairCounts{Pairs: len(pairs)}
	wrong := map[[2]string]bool{}
	for i, o := range outcomes {
		p := &pairs[i]
		r.countPair(p, o)
		if o.served && !p.Same {
			wrong[[2]string{p.Stored, p.Asked}] = true
		}
	}
	r.finish(wrong)
	r.Curves = pairCurves(s, pairs, outcomes, r.Same)
	return r, nil
}

// judgeAll judges the pairs on all processors, and reports progress from this goroutine.
func judgeAll(ctx context.Context, s *engine.Strategy, pairs []Pair, progress Progress) ([]outcome, error) {
	outcomes := make([]outcome, len(pairs))
	var next atomic.Int64
	var working sync.WaitGroup
	done := make(chan struct{}, len(pairs))
	for range min(runtime.GOMAXPROCS(0), len(pairs)) {
		working.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(pairs) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				outcomes[i] = judge(ctx, s, &pairs[i])
				done <- struct{}{}
			}
		})
	}
	go func() {
		working.Wait()
		close(done)
	}()
	judged := 0
	for range done {
		judged++
		if judged%64 == 0 {
			progress.show(judged, len(pairs))
		}
	}
	return outcomes, ctx.Err()
}

func judge(ctx context.Context, s *engine.Strategy, p *Pair) (o outcome) {
	j, err := s.Judge(ctx, p.Asked, p.Stored)
	if err != nil {
		return outcome{err: err}
	}
	o = outcome{score: j.Score, served: j.Serves, passes: j.Serves}
	if j.Kind == base.KindExact {
		o.score = 1
	}
	switch {
	case o.served:
		o.why = servedAs(j)
	case j.Score < s.Floor:
		o.why = fmt.Sprintf("alike by %.2f, less than the floor of %.2f", j.Score, s.Floor)
		o.passes, o.err = asksGuard(ctx, s, p)
	case s.Guard == nil:
		o.why = fmt.Sprintf("alike by %.2f, less than the threshold of %.2f", j.Score, s.Threshold)
	case j.Why != nil && j.Why.Reason != "":
		o.why = j.Why.Reason
	default:
		o.why = "the guard refused it, or the search would not find it"
	}
	return o
}

func servedAs(j *engine.Judgement) string {
	switch j.Kind {
	case base.KindExact:
		return "served: exactly the same text"
	case base.KindNormalized:
		return "served: the same normal form"
	}
	return fmt.Sprintf("served: alike by %.2f", j.Score)
}

// asksGuard reports what the guard says of a pair that is below the floor, for the curves.
func asksGuard(ctx context.Context, s *engine.Strategy, p *Pair) (bool, error) {
	if s.Guard == nil {
		return false, nil
	}
	scores, err := s.Guard.Score(ctx, p.Asked, []string{p.Stored})
	if err != nil {
		return false, err
	}
	return len(scores) == 1 && float64(scores[0]) >= s.Threshold, nil
}

func (r *Result) countPair(p *Pair, o outcome) {
	kind := r.ByKind[p.Kind]
	if kind == nil {
		kind = &Kind{PairKind: &PairKind{}}
		r.ByKind[p.Kind] = kind
	}
	if o.err != nil {
		r.fail(fmt.Errorf("line %d: %w", p.Line, o.err))
	}
	kind.Pairs++
	example := Example{Line: p.Line, Kind: p.Kind, Stored: p.Stored, Asked: p.Asked, Score: Rate(o.score), Why: o.why}
	if p.Same {
		r.Same++
		kind.Same++
	} else {
		r.Different++
		kind.Different++
	}
	if o.served {
		r.Served++
		kind.Served++
	}
	switch {
	case o.served && p.Same:
		r.Kept++
		kind.Kept++
	case o.served:
		kind.FalseHits++
		r.addWrong(example)
	case p.Same:
		r.addMissed(example)
	}
}

func pairCurves(s *engine.Strategy, pairs []Pair, outcomes []outcome, same int) (c Curves) {
	var guarded, scored tally
	for i, o := range outcomes {
		if o.err != nil {
			continue
		}
		scored.add(o.score, pairs[i].Same)
		if o.passes {
			guarded.add(o.score, pairs[i].Same)
		}
	}
	c.Score = scored.curve(same)
	if s.Guard != nil {
		c.Guard = guarded.curve(same)
	}
	return c
}
