package engine

import (
	"cmp"
	"context"
	"errors"
	"maps"
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
	compacting sync.Mutex    // held while one compaction chooses and removes
	kick       chan struct{} // has room for one
	waiting    atomic.Int32  // who waits for room, for whom nobody rests
	hurry      chan struct{} // has room for one: somebody began to wait
	spent      atomic.Int64  // nanoseconds that sweeps and compactions took, without rests
	running    sync.WaitGroup

	mu struct {
		sync.Mutex
		coming map[uint32]room    // what is about to be stored, by tenant
		all    room               // of coming
		shares map[uint32]float64 // of tenants that do not have the usual one; replaced as a whole
	}
}

// wake has the keeper look at once.
func (k *keeping) wake() {
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

// await has nobody rest until done is called.
func (k *keeping) await() (done func()) {
	k.waiting.Add(1)
	select {
	case k.hurry <- struct{}{}:
	default:
	}
	return func() { k.waiting.Add(-1) }
}

// reserve adds to what is about to be stored of a tenant.
func (k *keeping) reserve(account uint32, r room) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.mu.coming == nil {
		k.mu.coming = map[uint32]room{}
	}
	k.mu.all = k.mu.all.plus(r)
	if k.mu.coming[account] = k.mu.coming[account].plus(r); k.mu.coming[account] == (room{}) {
		delete(k.mu.coming, account)
	}
}

// reserved returns what is about to be stored.
func (k *keeping) reserved() room {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.mu.all
}

// reservedBy returns what is about to be stored, by tenant.
func (k *keeping) reservedBy() map[uint32]room {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.mu.coming)
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
	timer := time.NewTimer(cmp.Or(e.options.keepAfter, keepDelay))
	defer timer.Stop()
	var kick chan struct{} // nobody has it begin before the delay is over
	for {
		select {
		case <-timer.C:
		case <-kick:
		case <-e.closing:
			return
		}
		if err := e.keepOnce(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, ErrClosed) {
			e.failed("remove entries", err)
		}
		kick = e.keeping.kick
		timer.Reset(keepInterval)
	}
}

// keepOnce sweeps and compacts, resting after each batch. A sweep that fails keeps no compaction from its work.
func (e *Engine) keepOnce(ctx context.Context) error {
	rest := func(took time.Duration) { e.keeping.rest(ctx, keepRest*took) }
	_, swept := e.sweep(ctx, rest)
	if ctx.Err() != nil || errors.Is(swept, ErrClosed) {
		return swept
	}
	_, _, compacted := e.compact(ctx, rest)
	return errors.Join(swept, compacted)
}

// rest waits, unless somebody waits for room or begins to.
func (k *keeping) rest(ctx context.Context, pause time.Duration) {
	if k.waiting.Load() > 0 {
		return
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-k.hurry:
	case <-ctx.Done():
	}
}
