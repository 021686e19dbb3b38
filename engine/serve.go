package engine

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/fingerprint"
)

// Infer computes an answer, as base.Host.Generate does.
type Infer = func(ctx context.Context, emit func(Chunk) error) (*Result, error)

// Cache is what serving a request needs of a cache: an Engine of this process, or one reached
// through another.
type Cache interface {
	Lookup(ctx context.Context, q *Query) (*Found, error)
	Remember(ctx context.Context, q *Query, r *Result) (Receipt, error)
}

var _ Cache = (*Engine)(nil)

// Answer is an answered request.
type Answer struct {
	Decision
	Strategy string // that counted; see Found
	Result   *Result
	Shared   bool          // another request began the inference that answered this one
	Lookup   time.Duration // what looking it up took
	Saved    time.Duration // what the inference had cost, less what serving took; 0 if there was none to save
	Resume   *Resume       // what saved state did; nil if it was not asked for, or by another request
	Receipt  Receipt       // of the answer that this request had remembered
}

// Unstored is an answer that the cache had no part in.
func Unstored(d Decision, r *Result) *Answer {
	return &Answer{Decision: d, Result: r, Receipt: nothing{}}
}

// Serve answers a request: from the store, or by infer, whose answer is then remembered. Equal
// requests at the same time share one inference. It calls emit with each piece of the answer.
func (e *Engine) Serve(ctx context.Context, q *Query, run Infer, emit func(Chunk) error) (*Answer, error) {
	return serve(ctx, e, &e.flights, q, run, emit)
}

// ServeFrom is Serve over any cache, without sharing between requests, and without answers past their time.
func ServeFrom(ctx context.Context, c Cache, q *Query, run Infer, emit func(Chunk) error) (*Answer, error) {
	if q != nil && q.Control.Stale {
		fresh := *q
		fresh.Control.Stale = false
		q = &fresh
	}
	return serve(ctx, c, nil, q, run, emit)
}

func serve(ctx context.Context, c Cache, fs *flights, q *Query, run Infer, emit func(Chunk) error) (*Answer, error) {
	began := time.Now()
	look := fs.look()
	defer look.done()
	found, err := c.Lookup(ctx, q)
	if err != nil {
		return nil, err
	}
	if found.Action == base.ActionAnswer || found.Action == base.ActionBypass {
		look.done()
	}
	decided(ctx, found)
	a := &Answer{Decision: found.Decision, Strategy: found.Strategy, Lookup: time.Since(began), Receipt: nothing{}}
	switch found.Action {
	case base.ActionAnswer:
		a.Result = found.Result
		if found.Stale && fs != nil {
			again := *q
			again.Topic, again.Strategy = found.Topic, found.Strategy
			fs.refresh(patienceOf(ctx), c, &again, run)
		}
		if err := emit(Chunk{Text: a.Result.Text, Tokens: a.Result.Tokens}); err != nil {
			return nil, err
		}
		a.Saved = max(0, found.Cost-time.Since(began))
	case base.ActionBypass:
		t := &turn{off: found.Restore.Never}
		a.Result, err = run(withTurn(ctx, t), emit)
		t.unasked()
		a.resumed(t)
	default:
		q := *q
		q.Topic, q.Strategy = found.Topic, found.Strategy
		err = a.infer(ctx, c, look, &q, found.Restore, run, emit)
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// infer computes and remembers an answer, or follows a request that does.
func (a *Answer) infer(ctx context.Context, c Cache, look *looking, q *Query, restore Restore, run Infer, emit func(Chunk) error) (err error) {
	remembering := a.remembering(c, q, restore, run)
	fs := look.fs
	if fs == nil {
		a.Result, err = remembering(ctx, emit)
		return err
	}
	key, err := flightKey(q)
	if err != nil {
		return err
	}
	a.Result, a.Shared, err = fs.share(ctx, look, key, remembering, emit)
	return err
}

// remembering is run, with what it answers remembered.
func (a *Answer) remembering(c Cache, q *Query, restore Restore, run Infer) Infer {
	return func(ctx context.Context, emit func(Chunk) error) (*Result, error) {
		t := &turn{restore: restore}
		defer t.unasked()
		r, err := run(withTurn(ctx, t), emit)
		a.resumed(t)
		if err == nil {
			// The caller has its answer, whatever becomes of this; the cache counts and logs it.
			receipt, err := c.Remember(context.WithoutCancel(ctx), q, r)
			if err != nil {
				receipt = refused{err}
			}
			a.Receipt = receipt
			t.decide(receipt)
		}
		return r, err
	}
}

// flightKey tells requests apart that must not share an inference. Unlike the store's keys it covers
// the limit on tokens, since an answer cut short for one is not the other's.
func flightKey(q *Query) (key [32]byte, err error) {
	c, err := fingerprint.Canonicalize(q.Request)
	if err != nil {
		return key, err
	}
	h := sha256.New()
	for _, part := range [][]byte{[]byte(q.Tenant), q.Model[:], c.Bytes, []byte(c.Subject), q.Control.flight(q.Topic)} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(q.Request.MaxTokens)))
	return [32]byte(h.Sum(nil)), nil
}
