package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// keepDelay is how long an engine lives before it sweeps: a process that answers one prompt never does.
	keepDelay = 2 * time.Second
	// keepInterval is how often an engine that lives looks for what is past its time.
	keepInterval = time.Minute
	// keepRest is how many times as long as a batch took the keeper rests after it.
	keepRest = 4
)

// keeping is what removes entries in the background.
type keeping struct {
	compacting sync.Mutex         // held while one compaction chooses and removes
	shares     map[uint32]float64 // of tenants that do not have the usual one
	kick       chan struct{}      // has room for one
	waiting    atomic.Int32       // answers that wait for room, for which nobody rests
	mu         sync.Mutex
	coming     room         // what is about to be stored; guarded by mu
	spent      atomic.Int64 // nanoseconds that sweeps and compactions took, without rests
	running    sync.WaitGroup
}

// wake has the keeper look at once.
func (k *keeping) wake() {
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

// reserve adds to what is about to be stored, and returns all of it.
func (k *keeping) reserve(r room) room {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.coming.entries += r.entries
	k.coming.bytes += r.bytes
	return k.coming
}

// spend counts the time since began.
func (k *keeping) spend(began time.Time) { k.spent.Add(int64(time.Since(began))) }

// keep sweeps and compacts until the engine closes. It reads the ledger first, so it waits a moment.
func (e *Engine) keep() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	e.keeping.running.Go(func() {
		select {
		case <-e.closing:
			cancel()
		case <-ctx.Done():
		}
	})
	timer := time.NewTimer(keepDelay)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-e.keeping.kick:
		case <-e.closing:
			return
		}
		if err := e.keepOnce(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, ErrClosed) {
			e.failed("remove entries", err)
		}
		timer.Reset(keepInterval)
	}
}

// keepOnce sweeps and compacts, resting after each batch.
func (e *Engine) keepOnce(ctx context.Context) error {
	began := time.Now()
	rest := func() {
		if e.keeping.waiting.Load() > 0 {
			return
		}
		defer func(at time.Time) { e.keeping.spent.Add(-int64(time.Since(at))) }(time.Now())
		pause := time.NewTimer(keepRest * time.Since(began))
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		began = time.Now()
	}
	if _, err := e.sweep(ctx, rest); err != nil {
		return err
	}
	began = time.Now()
	_, err := e.compact(ctx, rest)
	return err
}
