package engine

import (
	"context"
	"fmt"
	"math"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// Pin has compaction leave an entry alone; Pin with false lets it choose it again. A pinned entry still expires and
// can be removed, and a newer answer to its request is pinned in its place, if it still may be. At most half of what the
// store may hold can be pinned. When Pin returns nil, it is safe.
func (e *Engine) Pin(ctx context.Context, id string, pinned bool) error {
	number, err := parseID(id)
	if err != nil {
		return err
	}
	if err := e.needLedger(); err != nil {
		return err
	}
	receipt, err := e.pin(number, pinned)
	if err != nil {
		return noEntry(id, err)
	}
	return receipt.Wait(ctx)
}

func (e *Engine) pin(id keyspace.ID, pinned bool) (Receipt, error) {
	e.changing.Lock()
	defer e.changing.Unlock()
	r, known := e.ledger.get(id)
	if !known {
		return nil, ErrNotFound
	}
	if r.pinned == pinned {
		return e.store.Apply(), nil
	}
	if pinned {
		if err := e.checkPins(&r, id); err != nil {
			return nil, err
		}
	}
	uses := e.storedUses(id)
	if !uses.Worth.Known {
		return nil, fmt.Errorf("entry %s: %w: its use counter is damaged", id, ErrCorrupt)
	}
	uses.Worth.Pinned = pinned
	var c change
	c.setUses(e, id, uses)
	c.count(pinnings, 1)
	return e.applyLocked(&c)
}

// checkPins refuses to pin what would leave too little room for all else. instead is an entry whose place it takes, or
// its own id.
func (e *Engine) checkPins(r *row, instead keyspace.ID) error {
	most, _ := e.limits()
	var all room
	all.add(r, 1)
	for _, other := range e.ledger.live() {
		if other.pinned && other.id != instead {
			all.add(&other, 1)
		}
	}
	if !all.less(room{most.entries / 2, most.bytes / 2}).any() {
		return nil
	}
	return &base.Error{Sentinel: base.ErrInvalid,
		Message: fmt.Sprintf("with %s, %d entries of %d bytes would be pinned, more than half of what the cache may hold", r.id, all.entries, all.bytes),
		Hint:    "kvasir unpin lets others go; max_entries and max_bytes in cache.toml say how much the cache may hold"}
}

// needPins reads the ledger where the request to come has an answer that is pinned, so that unpinIfLarge can tell.
func (e *Engine) needPins(k *keys) {
	old, replaces := e.replaced(k)
	if !replaces || !e.storedUses(old).Worth.Pinned {
		return
	}
	if err := e.needLedger(); err != nil {
		e.failed("remember", err)
	}
}

// unpinIfLarge takes the pin from an answer that comes in place of a smaller one, where more than may be would be pinned,
// or nobody knows how much is. The caller holds e.changing.
func (e *Engine) unpinIfLarge(w *keyspace.Worth, old keyspace.ID, oldBytes uint64) {
	if !w.Pinned || w.Bytes <= oldBytes {
		return
	}
	if e.ledger.isReady() && e.checkPins(&row{id: old, bytes: uint32(min(w.Bytes, math.MaxUint32))}, old) == nil {
		return
	}
	w.Pinned = false
	e.options.Logger.Warn("a newer answer is too large to be pinned in place of the older one", "entry", old.String())
}
