package eval

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// RunStream replays a stream through a cache in memory that has one strategy: each request is looked up, and
// its answer remembered where none is found. Nothing expires and nothing is evicted. With curves the stream
// is replayed again for each of their thresholds, since what is stored hangs on what was served before.
func RunStream(ctx context.Context, s *engine.Strategy, stream []Asked, curves bool, progress Progress) (*Result, error) {
	var thresholds []float64
	if curves {
		thresholds = streamThresholds(s)
	}
	ways := 1 + len(thresholds)
	if s.Guard != nil {
		ways += len(thresholds)
	}
	done := 0
	once := func(s *engine.Strategy) (*Result, error) {
		r, err := replayOnce(ctx, s, stream, func(now, all int) { progress.show(done+now, ways*all) })
		done += len(stream)
		return r, err
	}
	r, err := once(s)
	if err != nil {
		return nil, err
	}
	for _, t := range thresholds {
		if err := r.addPoints(s, t, once); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// streamThresholds are multiples of 0.05 from 0.5 or the floor of the strategy on, whichever is lower.
func streamThresholds(s *engine.Strategy) (all []float64) {
	for i := 0; i <= 20; i++ {
		if t := float64(i) / 20; t >= min(s.Floor, 0.5) {
			all = append(all, t)
		}
	}
	return all
}

// addPoints replays a stream with a threshold for the score, without the guard and with it.
func (r *Result) addPoints(s *engine.Strategy, threshold float64, once func(*engine.Strategy) (*Result, error)) error {
	guarded := *s
	guarded.Floor, guarded.SearchFloor = threshold, min(s.SearchFloor, threshold)
	alone := guarded
	alone.Guard, alone.Threshold = nil, threshold
	result, err := once(&alone)
	if err != nil {
		return err
	}
	r.Curves.Score = append(r.Curves.Score, result.point(threshold))
	if s.Guard == nil {
		return nil
	}
	if result, err = once(&guarded); err == nil {
		r.Curves.Guard = append(r.Curves.Guard, result.point(threshold))
	}
	return err
}

func (r *Result) point(threshold float64) Point {
	return Point{Threshold: threshold, Served: r.Served, FalseHits: r.FalseHits, PerHit: r.PerHit, Recall: r.Recall}
}

// replay is one way of a stream through a cache. The answer to a request is its group.
type replay struct {
	stream []Asked
	engine *engine.Engine
	result *Result
	seen   map[string]int // groups, and the request that each was seen with first
	wrong  map[[2]string]bool
}

// replayOnce replays a stream by one strategy.
func replayOnce(ctx context.Context, s *engine.Strategy, stream []Asked, progress Progress) (*Result, error) {
	r := newResult(s.Name)
	r.StreamCounts = &StreamCounts{Requests: len(stream)}
	p := &replay{stream: stream, result: r, seen: map[string]int{}, wrong: map[[2]string]bool{}}
	if err := p.run(ctx, s, progress); err != nil {
		return nil, err
	}
	r.Hits = r.Served
	r.finish(p.wrong)
	return r, nil
}

func (p *replay) run(ctx context.Context, s *engine.Strategy, progress Progress) (err error) {
	began := time.Now()
	p.engine, err = engine.Open(engine.Options{
		Now: func() time.Time { return began }, // a replay takes no time, so that its reasons are the same each time
		TTL: -1, MaxEntries: len(p.stream) + 1, Strategy: s.Name,
		Strategies: func(context.Context) ([]*engine.Strategy, error) { return []*engine.Strategy{s}, nil },
		Events:     engine.EventListener{Failed: func(f engine.FailureInfo) { p.result.fail(f.Err) }},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.engine.Close()) }()
	groups := Groups(p.stream)
	for i := range p.stream {
		if err := p.ask(ctx, i, groups); err != nil {
			return err
		}
		if i%16 == 0 {
			progress.show(i, len(p.stream))
		}
	}
	return nil
}

// Groups names the group of each request. One whose group is not known shares it with requests of exactly
// the same prompt only.
func Groups(stream []Asked) []string {
	groups, byPrompt := make([]string, len(stream)), map[string]string{}
	for i, a := range stream {
		groups[i] = a.Group
		if a.Group == "" {
			groups[i] = byPrompt[a.Prompt]
		}
		if groups[i] == "" {
			groups[i] = fmt.Sprintf("prompt %x", sha256.Sum256([]byte(a.Prompt)))
		}
		if byPrompt[a.Prompt] == "" {
			byPrompt[a.Prompt] = groups[i]
		}
	}
	return groups
}

func (p *replay) ask(ctx context.Context, i int, groups []string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	asked := p.stream[i]
	query := &engine.Query{Request: &base.Request{Messages: []base.Message{{Role: base.RoleUser, Content: asked.Prompt}}}}
	found, err := p.engine.Lookup(ctx, query)
	if err != nil {
		return fmt.Errorf("line %d: %w", asked.Line, err)
	}
	first, ideal := p.seen[groups[i]]
	if !ideal {
		p.seen[groups[i]] = i
	}
	kind := p.kind(asked, ideal)
	if found.Action == base.ActionAnswer {
		return p.hit(ctx, asked, groups[i], kind, found)
	}
	if ideal {
		p.result.addMissed(Example{Line: asked.Line, Kind: asked.Kind, Stored: p.stream[first].Prompt, Asked: asked.Prompt,
			Score: Rate(math.NaN()), Why: found.Reason})
	}
	_, err = p.engine.Remember(ctx, query, &engine.Result{Text: groups[i], FinishReason: base.FinishStop})
	return err
}

// kind counts a request, and returns the counts of its kind.
func (p *replay) kind(asked Asked, ideal bool) *Kind {
	kind := p.result.ByKind[asked.Kind]
	if kind == nil {
		kind = &Kind{StreamKind: &StreamKind{}}
		p.result.ByKind[asked.Kind] = kind
	}
	kind.Requests++
	if ideal {
		p.result.IdealHits++
		kind.IdealHits++
	}
	if asked.Group == "" {
		p.result.Unknown++
	}
	return kind
}

func (p *replay) hit(ctx context.Context, asked Asked, group string, kind *Kind, found *engine.Found) error {
	p.result.Served++
	kind.Hits++
	switch found.Kind {
	case base.KindExact:
		p.result.Exact++
	case base.KindNormalized:
		p.result.Normalized++
	default:
		p.result.Approx++
	}
	if found.Result.Text == group {
		kind.Kept++
		return nil
	}
	entry, err := p.engine.Get(ctx, found.Entry)
	if err != nil {
		return fmt.Errorf("line %d: %w", asked.Line, err)
	}
	kind.FalseHits++
	p.wrong[[2]string{entry.Prompt, asked.Prompt}] = true
	p.result.addWrong(Example{Line: asked.Line, Kind: asked.Kind, Stored: entry.Prompt, Asked: asked.Prompt,
		Score: Rate(found.Score), Why: found.Reason})
	return nil
}
