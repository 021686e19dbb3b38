package engine

import (
	"context"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// uses collects the uses of entries in memory, so that a hit writes nothing; the engine stores them
// now and then. A crash loses the last second of them.
type uses struct {
	mu      sync.Mutex
	pending map[keyspace.ID]keyspace.Uses // uses since the last take
}

func (u *uses) add(id keyspace.ID, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.pending == nil {
		u.pending = map[keyspace.ID]keyspace.Uses{}
	}
	u.pending[id] = keyspace.Uses{Count: u.pending[id].Count + 1, Last: now.UnixNano()}
}

func (u *uses) get(id keyspace.ID) keyspace.Uses {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.pending[id]
}

func (u *uses) forget(id keyspace.ID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.pending, id)
}

func (u *uses) take() map[keyspace.ID]keyspace.Uses {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.pending
	u.pending = nil
	return taken
}

// giveBack adds what take returned and could not be stored.
func (u *uses) giveBack(taken map[keyspace.ID]keyspace.Uses) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.pending == nil {
		u.pending = map[keyspace.ID]keyspace.Uses{}
	}
	for id, uses := range taken {
		u.pending[id] = joined(uses, u.pending[id])
	}
}

// usesOf returns the stored uses of an entry and those not stored yet. Uses that cannot be read
// count from nothing.
func (e *Engine) usesOf(id keyspace.ID) keyspace.Uses {
	return joined(e.storedUses(id), e.uses.get(id))
}

func (e *Engine) storedUses(id keyspace.ID) (u keyspace.Uses) {
	key := keyspace.UsesKey(id)
	_ = e.store.View(key, func(value []byte) (err error) {
		u, err = keyspace.DecodeUses(key, value)
		return err
	})
	return u
}

// joined adds the uses b to a.
func joined(a, b keyspace.Uses) keyspace.Uses {
	sum := keyspace.Uses{Count: a.Count + b.Count, Last: max(a.Last, b.Last), Worth: a.Worth}
	if w := &sum.Worth; w.Known && b.Count > 0 {
		w.Weight = weightAt(w.Weight, max(a.Last, w.Created), b.Last) + float64(b.Count)
	}
	return sum
}

// countInterval is how often uses and totals are stored.
const countInterval = time.Second

// keepCounts stores uses and totals until the engine closes.
func (e *Engine) keepCounts() {
	tick := time.NewTicker(countInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = e.storeCounts(false) // told
		case <-e.closing:
			return
		}
	}
}

// storeCounts puts the uses and totals that changed into the store, unless its entry is gone, and waits until they
// are safe if it is asked to. What cannot be stored waits for the next time.
func (e *Engine) storeCounts(wait bool) error {
	receipt, err := e.putCounts()
	if err == nil && wait {
		err = receipt.Wait(context.Background())
	}
	if err != nil {
		e.failed("store counts", err)
	}
	return err
}

func (e *Engine) putCounts() (Receipt, error) {
	e.changing.Lock()
	defer e.changing.Unlock()
	var c change
	taken := e.uses.take()
	for id, u := range taken {
		if e.store.View(keyspace.EntryKey(id), func([]byte) error { return nil }) == nil {
			c.setUses(e, id, joined(e.storedUses(id), u))
		}
	}
	e.door.stage(&c, e.isClosing())
	if len(c.mutations) == 0 && !e.totals.changed() && !e.history.behind(e.totals.snapshot()) {
		return nothing{}, nil
	}
	e.history.stage(e, &c)
	receipt, err := e.applyLocked(&c)
	if err != nil {
		e.uses.giveBack(taken)
		return nil, err
	}
	return receipt, nil
}
