package wasmhost

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// pool holds the instances of a plugin that no call uses, and says who may make one. The last used goes
// out first: its memory is in the processor's cache, and those never needed are never made.
type pool struct {
	limit int
	mu    struct {
		sync.Mutex
		free    []*instance
		live    int // instances there are or are being made
		waiters []chan turn
		closed  bool
		drained chan struct{} // closed when closed and live is 0
		stats   Stats
	}
}

// turn is what a waiter gets: an instance, or leave to make one where it is nil. A closed channel means
// that the pool is closed.
type turn struct{ in *instance }

func newPool(limit int) *pool {
	p := &pool{limit: limit}
	p.mu.drained = make(chan struct{})
	return p
}

// take returns a free instance, or nil where the caller is to make one and bring it back or give up. It
// waits no longer than wall.
func (p *pool) take(ctx context.Context, wall time.Duration) (*instance, *fault) {
	p.mu.Lock()
	if p.mu.closed {
		p.mu.Unlock()
		return nil, &fault{reason: hostapi.ErrClosed}
	}
	if n := len(p.mu.free); n > 0 {
		in := p.mu.free[n-1]
		p.mu.free[n-1] = nil
		p.mu.free = p.mu.free[:n-1]
		p.mu.Unlock()
		return in, nil
	}
	if p.mu.live < p.limit {
		p.mu.live++
		p.mu.Unlock()
		return nil, nil
	}
	w := make(chan turn, 1)
	p.mu.waiters = append(p.mu.waiters, w)
	p.mu.Unlock()
	return p.wait(ctx, wall, w)
}

func (p *pool) wait(ctx context.Context, wall time.Duration, w chan turn) (*instance, *fault) {
	timer := time.NewTimer(wall)
	defer timer.Stop()
	busy := &fault{reason: hostapi.ErrBusy, text: "all instances are at work"}
	select {
	case t, ok := <-w:
		return t.of(ok)
	case <-ctx.Done():
		busy.cause = ctx.Err()
	case <-timer.C:
		busy.wall = true
	}
	if !p.leave(w) { // it was served at the same moment
		t, ok := <-w
		return t.of(ok)
	}
	return nil, busy
}

func (t turn) of(ok bool) (*instance, *fault) {
	if !ok {
		return nil, &fault{reason: hostapi.ErrClosed}
	}
	return t.in, nil
}

// leave takes w out of the queue. It returns false if w is no longer in it.
func (p *pool) leave(w chan turn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.mu.waiters, w)
	if i < 0 {
		return false
	}
	p.mu.waiters = slices.Delete(p.mu.waiters, i, i+1)
	return true
}

// give brings back an instance that can be used again, and counts what it did.
func (p *pool) give(in *instance, r *record) {
	p.mu.Lock()
	p.mu.stats.add(r)
	switch {
	case p.mu.closed:
		p.mu.Unlock()
		in.close()
		p.mu.Lock()
		p.dropLocked()
	case len(p.mu.waiters) > 0:
		p.nextLocked() <- turn{in}
	default:
		p.mu.free = append(p.mu.free, in)
	}
	p.mu.Unlock()
}

// drop says that an instance is gone, or was never made, and counts what it did.
func (p *pool) drop(r *record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.stats.add(r)
	if !p.mu.closed && len(p.mu.waiters) > 0 {
		p.nextLocked() <- turn{} // live stays: the waiter makes one
		return
	}
	p.dropLocked()
}

// count counts what happened without an instance.
func (p *pool) count(r *record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.stats.add(r)
}

func (p *pool) nextLocked() chan turn {
	w := p.mu.waiters[0] // it has room for one turn, and gets one
	p.mu.waiters = slices.Delete(p.mu.waiters, 0, 1)
	return w
}

func (p *pool) dropLocked() {
	p.mu.live--
	if p.mu.closed && p.mu.live == 0 {
		close(p.mu.drained)
	}
}

// close refuses further calls, sends the waiters away, closes the instances and waits for those at work.
func (p *pool) close() {
	p.mu.Lock()
	if p.mu.closed {
		p.mu.Unlock()
		<-p.mu.drained
		return
	}
	p.mu.closed = true
	for _, w := range p.mu.waiters {
		close(w)
	}
	free := p.mu.free
	p.mu.waiters, p.mu.free = nil, nil
	p.mu.live -= len(free)
	if p.mu.live == 0 {
		close(p.mu.drained)
	}
	p.mu.Unlock()
	for _, in := range free {
		in.close()
	}
	<-p.mu.drained
}
