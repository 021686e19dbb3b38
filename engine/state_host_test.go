package engine

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

// stateHost is a fake host that saves state. The state of a chunk is bytes that its key decides, so that it
// notices whenever it is given state of other tokens, and fails the test.
type stateHost struct {
	*hosttest.Host
	tb       testing.TB
	rate     time.Duration // of reading a token, as it reports; 0 means 10 ms
	bytes    int           // of state for each token; 0 means 16
	late     bool          // report long after the answer
	prefills atomic.Int64
	refuse   atomic.Int64 // Prefill ends with ErrOverloaded so often
	bad      atomic.Int64 // chunks found to be bad
	reports  sync.WaitGroup

	mu      sync.Mutex
	resumed []int // Restored of each generation
}

func newStateHost(tb testing.TB) *stateHost {
	return &stateHost{Host: hosttest.New(hosttest.Options{Context: 1 << 20, Queue: 10_000}), tb: tb}
}

func (h *stateHost) rateOf() time.Duration {
	if h.rate == 0 {
		return 10 * time.Millisecond
	}
	return h.rate
}

// stateOf is the state of a chunk.
func (h *stateHost) stateOf(key blob.Key, tokens int) []byte {
	perToken := h.bytes
	if perToken == 0 {
		perToken = 16
	}
	return bytes.Repeat(key[:], (tokens*perToken+len(key)-1)/len(key))[:tokens*perToken]
}

// Info implements base.Host.
func (h *stateHost) Info(ctx context.Context) (*base.Info, error) {
	info, err := h.Host.Info(ctx)
	if err == nil {
		info.State = base.StateInfo{Supported: true, Class: "attention", TokenBytes: 16}
	}
	return info, err
}

// GenerateState implements base.StateHost.
func (h *stateHost) GenerateState(ctx context.Context, r *base.Request, plan *base.StatePlan, emit func(base.Chunk) error) (*base.Result, error) {
	report := h.restore(r.Tokens, plan)
	result, err := h.Generate(ctx, r, emit)
	if result != nil {
		result.Restored = report.Restored
		result.Timings.Restore, result.Timings.Prefill = report.Restore, report.Prefill
	}
	h.mu.Lock()
	h.resumed = append(h.resumed, report.Restored)
	h.mu.Unlock()
	p := *plan
	h.reports.Go(func() {
		if h.late {
			time.Sleep(20 * time.Millisecond)
		}
		if err == nil {
			h.save(r.Tokens, result.Tokens, &p, report)
		}
		p.Done(report)
	})
	return result, err
}

// Prefill implements base.StateHost.
func (h *stateHost) Prefill(ctx context.Context, tokens []base.Token, plan *base.StatePlan) (*base.StateReport, error) {
	if plan.Done != nil {
		h.tb.Error("Prefill was given a Done")
	}
	if h.refuse.Add(-1) >= 0 {
		return nil, fmt.Errorf("a request came: %w", base.ErrOverloaded)
	}
	report := h.restore(tokens, plan)
	h.save(tokens, nil, plan, report)
	h.prefills.Add(1)
	return report, ctx.Err()
}

func (h *stateHost) restore(tokens []base.Token, plan *base.StatePlan) *base.StateReport {
	report := &base.StateReport{}
	parent := plan.Seed
	for _, n := range plan.Restore {
		from := report.Restored
		want := blob.Header{ID: plan.ID, Key: blob.NextKey(parent, tokens[from:from+n]), From: from, Tokens: n, Sealed: plan.Sealed}
		payload, got, err := blob.Read(blob.Path(plan.Dir, want.Key), &plan.Secret, &want, nil)
		if err != nil {
			h.bad.Add(1)
			report.Bad = append(report.Bad, base.BadChunk{Key: want.Key, Reason: err.Error()})
			break
		}
		if !bytes.Equal(payload, h.stateOf(want.Key, n)) {
			h.tb.Errorf("chunk %x at %d was restored from other state", want.Key[:4], from)
		}
		if report.Origin == "" || got.Origin == base.OriginDecode {
			report.Origin = got.Origin
		}
		parent = want.Key
		report.Restored += n
	}
	if left := len(tokens) - report.Restored; left < 2 {
		h.tb.Errorf("a plan leaves %d tokens", left)
	}
	report.Computed = len(tokens) - report.Restored
	report.Restore = time.Duration(report.Restored) * time.Microsecond
	report.Prefill = time.Duration(report.Computed) * h.rateOf()
	return report
}

// save writes what follows the full chunks that were restored.
func (h *stateHost) save(prompt, answer []base.Token, plan *base.StatePlan, report *base.StateReport) {
	if !plan.Save || report.Prefill < plan.MinPrefill {
		return
	}
	all, end, origin := prompt, (len(prompt)-2)/4*4, base.OriginPrefill
	if plan.SaveAnswer {
		all = append(prompt[:len(prompt):len(prompt)], answer...)
		end = len(all) / 4 * 4
	}
	parent, from := plan.Seed, 0
	for from+base.ChunkTokens <= report.Restored {
		parent = blob.NextKey(parent, all[from:from+base.ChunkTokens])
		from += base.ChunkTokens
	}
	for from < end && end > report.Restored {
		to := min(from+base.ChunkTokens, end)
		if len(prompt)/base.ChunkTokens*base.ChunkTokens == to { // a full chunk of the prompt, up to its very end
			to = min(from+base.ChunkTokens, len(prompt))
		}
		if to > len(prompt) {
			origin = base.OriginDecode
		}
		parent, from = h.saveChunk(parent, all[from:to], from, origin, plan, report)
	}
}

func (h *stateHost) saveChunk(parent blob.Key, tokens []base.Token, from int, origin base.Origin, plan *base.StatePlan, report *base.StateReport) (blob.Key, int) {
	key := blob.NextKey(parent, tokens)
	header := blob.Header{ID: plan.ID, Key: key, From: from, Tokens: len(tokens), Origin: origin, Sealed: plan.Sealed}
	temp, size, err := blob.Write(plan.Dir, &plan.Secret, &header, h.stateOf(key, len(tokens)))
	if err != nil {
		report.Trouble = err.Error()
		return key, 1 << 30
	}
	report.Saved = append(report.Saved, base.SavedChunk{
		Key: key, Parent: parent, From: from, Tokens: tokens, Origin: origin, Temp: temp, Bytes: size,
		Cost: time.Duration(len(tokens)) * h.rateOf(),
	})
	return key, from + len(tokens)
}

// rig is an engine with a host and what joins them.
type rig struct {
	tb     testing.TB
	engine *Engine
	host   *stateHost
	*Resumer
}

func newRig(tb testing.TB, o Options) *rig {
	tb.Helper()
	return rigOver(tb, openEngine(tb, o), newStateHost(tb))
}

func rigOver(tb testing.TB, e *Engine, h *stateHost) *rig {
	tb.Helper()
	info, err := h.Info(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	r := &rig{tb: tb, engine: e, host: h, Resumer: NewResumer(e, h, info, nil)}
	tb.Cleanup(func() { _ = r.Close() })
	return r
}

// ask serves a prompt of plain text and waits for all that follows.
func (r *rig) ask(prompt string) *Answer {
	r.tb.Helper()
	a := r.start(prompt)
	r.rest()
	return a
}

func (r *rig) start(prompt string) *Answer {
	r.tb.Helper()
	q := &Query{Model: ModelID{1}, Request: &base.Request{Prompt: prompt, MaxTokens: 20}}
	a, err := r.engine.Serve(r.tb.Context(), q, r.Infer(q), func(Chunk) error { return nil })
	if err != nil {
		r.tb.Fatal(err)
	}
	return a
}

// rest waits until nothing is being saved.
func (r *rig) rest() {
	r.host.reports.Wait()
	r.settling.Wait()
}

// stat returns a metric.
func (r *rig) stat(name string) int { return int(statsOf(r.engine)[name]) }

// words returns a prompt of n tokens: the same words from the beginning on, then others from the token at.
func words(n, at int, other string) string {
	var b strings.Builder
	for i := range n {
		if i < at {
			fmt.Fprintf(&b, " w%d", i)
		} else {
			fmt.Fprintf(&b, " %s%d", other, i)
		}
	}
	return b.String()
}
