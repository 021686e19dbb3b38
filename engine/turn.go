package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Resume says what saved state did for an inference.
type Resume struct {
	Stored   int           // first tokens of the prompt that are stored
	Restored int           // of them, those that were restored
	Computed int           // tokens of the prompt that the model read
	Restore  time.Duration // what restoring took
	Prefill  time.Duration // what reading the rest took
	Saved    time.Duration // what computing the restored tokens had taken, less restoring them; 0 if nothing
	Origin   base.Origin   // of what was restored; empty if nothing was
	Reason   string        // why not more, as a sentence
}

// turn is what Serve and the Infer that it calls have to tell each other. It travels in the context.
type turn struct {
	off     bool    // a hook left the cache out
	restore Restore // what a hook said

	mu      sync.Mutex
	resume  *Resume
	decided bool
	verdict *bool       // whether state may be saved; nil if nobody was asked
	then    func(*bool) // called once with the verdict, when there is one
}

type turnKey struct{}

func withTurn(ctx context.Context, t *turn) context.Context {
	return context.WithValue(ctx, turnKey{}, t)
}

// turnOf returns the turn of a context, or one that is decided, if Serve is not in it.
func turnOf(ctx context.Context) *turn {
	if t, ok := ctx.Value(turnKey{}).(*turn); ok {
		return t
	}
	return &turn{decided: true}
}

// decide says by the receipt of an answer whether state may be saved.
func (t *turn) decide(r Receipt) {
	if _, failed := r.(refused); failed {
		return // nobody was asked
	}
	keeps := true
	if says, ok := r.(StateReceipt); ok {
		keeps = says.KeepsState()
	}
	t.conclude(&keeps)
}

// keepNothing says that no state may be saved, whatever is said later.
func (t *turn) keepNothing() { t.conclude(new(false)) }

// unasked says that nobody will be asked any more. After decide it does nothing.
func (t *turn) unasked() { t.conclude(nil) }

func (t *turn) conclude(verdict *bool) {
	t.mu.Lock()
	if t.decided {
		t.mu.Unlock()
		return
	}
	t.decided, t.verdict = true, verdict
	then := t.then
	t.mu.Unlock()
	if then != nil {
		then(verdict)
	}
}

// await has f called with the verdict, at once if there is one.
func (t *turn) await(f func(*bool)) {
	t.mu.Lock()
	decided, verdict := t.decided, t.verdict
	if !decided {
		t.then = f
	}
	t.mu.Unlock()
	if decided {
		f(verdict)
	}
}

func (t *turn) setResume(r *Resume) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.resume = r
}

// resumed takes over what saved state did in a turn.
func (a *Answer) resumed(t *turn) {
	t.mu.Lock()
	a.Resume = t.resume
	t.mu.Unlock()
	if r := a.Resume; r != nil && r.Restored > 0 {
		a.Saved = r.Saved
		if a.Action == base.ActionMiss {
			a.Action = base.ActionResume
			a.Reason = fmt.Sprintf("%s of the %s tokens of the prompt were restored; %s", grouped(r.Restored), grouped(r.Restored+r.Computed), r.Reason)
		}
	}
}
