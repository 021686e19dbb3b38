package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/fingerprint"
)

// StateCache is what resuming needs of a cache: an Engine of this process, or one reached through another.
type StateCache interface {
	Resume(ctx context.Context, q *StateQuery) (*Lease, error)
	Settle(ctx context.Context, lease uint64, r *base.StateReport, save bool) (*Settled, error)
}

var _ StateCache = (*Engine)(nil)

// Resumer infers by a host with the help of saved state. Trouble with state is never the caller's: it is logged,
// and the prompt is read from the beginning. Close it before the cache and the host.
type Resumer struct {
	cache StateCache
	host  base.StateHost
	info  base.Info
	state StateID
	log   *slog.Logger

	ctx      context.Context // ends when Close begins
	cancel   context.CancelFunc
	working  sync.WaitGroup // the recomputer
	settling sync.WaitGroup // leases whose report or verdict is to come, and settling them
	later    recomputer
}

// reportPatience is how long Close waits for files that are being written.
const reportPatience = 5 * time.Second

// NewResumer returns a Resumer over a host with the model that info describes. A nil log means silence.
func NewResumer(c StateCache, host base.StateHost, info *base.Info, log *slog.Logger) *Resumer {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	r := &Resumer{cache: c, host: host, info: *info, state: fingerprint.StateID(info), log: log}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.later.wake = make(chan struct{}, 1)
	r.working.Go(r.recompute)
	return r
}

// Close ends the work in the background, and waits a moment for what is being saved. No Infer may be begun
// any more. It is safe to call twice.
func (r *Resumer) Close() error {
	r.cancel()
	r.working.Wait()
	settled := make(chan struct{})
	go func() {
		r.settling.Wait()
		close(settled)
	}()
	select {
	case <-settled:
	case <-time.After(reportPatience):
		r.log.Warn("saved state was still being written", "waited", reportPatience)
	}
	return nil
}

// Infer returns what infers the answer to a query, for Serve.
func (r *Resumer) Infer(q *Query) Infer {
	return func(ctx context.Context, emit func(Chunk) error) (*Result, error) {
		t := turnOf(ctx)
		switch {
		case t.off:
			return r.host.Generate(ctx, q.Request, emit)
		case !r.info.State.Supported:
			t.setResume(&Resume{Reason: unsupported(&r.info.State)})
			return r.host.Generate(ctx, q.Request, emit)
		}
		return r.infer(ctx, q, t, emit)
	}
}

func unsupported(s *base.StateInfo) string {
	if s.Reason == "" {
		return "the state of this model cannot be saved"
	}
	return s.Reason
}

func (r *Resumer) infer(ctx context.Context, q *Query, t *turn, emit func(Chunk) error) (*Result, error) {
	tokens, err := r.tokens(ctx, q.Request)
	if err != nil {
		return r.host.Generate(ctx, q.Request, emit) // which says what is wrong with the request
	}
	request := *q.Request
	request.Messages, request.Prompt, request.Tokens = nil, "", tokens
	query := &StateQuery{
		Tenant: q.Tenant, State: r.state, FlashAttention: r.info.Runtime.FlashAttention, Tokens: tokens, Restore: t.restore,
	}
	lease, err := r.cache.Resume(ctx, query)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		r.log.Error("cache failure", "during", "resume", "error", err)
		lease = &Lease{Reason: "the store failed: " + err.Error()}
	}
	if lease.ID == 0 {
		result, err := r.host.Generate(ctx, &request, emit)
		t.setResume(resumeOf(lease, result))
		return result, err
	}
	if q.Control.NoStore { // nothing of the request is to reach the disk
		lease.Plan.Save, lease.Plan.SaveAnswer, lease.AskFirst = false, false, true
		t.keepNothing()
	}
	return r.generate(ctx, query, &request, lease, t, emit)
}

// tokens returns the prompt as the model reads it.
func (r *Resumer) tokens(ctx context.Context, q *base.Request) (tokens []base.Token, err error) {
	if err := q.Validate(); err != nil || len(q.Tokens) > 0 {
		return q.Tokens, err
	}
	text := q.Prompt
	if len(q.Messages) > 0 {
		if text, err = r.host.ApplyTemplate(ctx, q.Messages); err != nil {
			return nil, err
		}
	}
	tokens, err = r.host.Tokenize(ctx, text, true)
	if err == nil && len(tokens) == 0 {
		err = errors.New("the prompt has no tokens")
	}
	return tokens, err
}

// generate infers under a lease, which is settled when the host has reported and it is known whether state
// may be saved.
func (r *Resumer) generate(ctx context.Context, q *StateQuery, request *Request, lease *Lease, t *turn, emit func(Chunk) error) (*Result, error) {
	s := &settlement{resumer: r, lease: lease, query: q}
	r.settling.Add(1)
	plan := lease.Plan
	plan.Done = s.reported
	result, err := r.host.GenerateState(ctx, request, &plan, emit)
	t.setResume(resumeOf(lease, result))
	s.answered(result)
	t.await(s.decided)
	return result, err
}

func resumeOf(l *Lease, result *Result) *Resume {
	out := &Resume{Stored: l.Stored, Reason: l.Reason}
	if result == nil {
		return out
	}
	out.Restored, out.Restore = result.Restored, result.Timings.Restore
	out.Computed, out.Prefill = max(0, len(result.PromptTokens)-result.Restored), result.Timings.Prefill
	if out.Restored > 0 {
		out.Origin = l.Origin
		out.Saved = max(0, l.Cost*time.Duration(out.Restored)/time.Duration(max(1, l.Restored))-out.Restore)
	}
	if out.Restored < l.Restored {
		out.Reason = "what is stored could not be used from token " + grouped(out.Restored) + " on"
	}
	return out
}

// settlement is a lease on its way to be settled. It waits for the host's report, for the answer and for the
// verdict, which come in any order.
type settlement struct {
	resumer *Resumer
	lease   *Lease
	query   *StateQuery

	mu     sync.Mutex
	report *base.StateReport
	result *Result
	save   bool
	come   int // of the three
}

func (s *settlement) reported(report *base.StateReport) {
	if report == nil {
		report = &base.StateReport{}
	}
	s.step(func() { s.report = report })
}

func (s *settlement) answered(result *Result) { s.step(func() { s.result = result }) }

func (s *settlement) decided(verdict *bool) {
	s.step(func() { s.save = verdict != nil && *verdict || verdict == nil && !s.lease.AskFirst })
}

// step takes one of the three in, and settles when it is the last.
func (s *settlement) step(take func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	take()
	if s.come++; s.come == 3 {
		go s.settle()
	}
}

func (s *settlement) settle() {
	r := s.resumer
	defer r.settling.Done()
	settled := r.settle(s.lease, s.report, s.save)
	if settled != nil && s.save && settled.Recompute && s.result != nil && len(s.result.Tokens) > 0 {
		q := *s.query
		q.Tokens = append(q.Tokens[:len(q.Tokens):len(q.Tokens)], s.result.Tokens...)
		q.Recompute, q.Restore = true, Restore{}
		r.later.add(&recomputation{query: &q})
	}
}

// settle settles a lease, and returns nil if it cannot.
func (r *Resumer) settle(lease *Lease, report *base.StateReport, save bool) *Settled {
	settled, err := r.cache.Settle(context.WithoutCancel(r.ctx), lease.ID, report, save)
	if err == nil {
		return settled
	}
	r.log.Error("cache failure", "during", "save state", "error", err)
	var temps []string
	for _, c := range report.Saved {
		temps = append(temps, c.Temp)
	}
	blob.Discard(lease.Plan.Dir, temps)
	return nil
}
