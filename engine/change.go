package engine

import (
	"errors"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// change is what one batch does to the store and to the counts, and what follows once it is applied.
type change struct {
	mutations []store.Mutation
	account   uint32 // of the tenant whose records it sets; 0 is nobody's
	counts    map[string]int64
	then      []func()
}

func (c *change) set(key, value []byte) {
	c.mutations = append(c.mutations, store.Set(key, value).For(c.account))
}

func (c *change) delete(key []byte) { c.mutations = append(c.mutations, store.Delete(key)) }

func (c *change) count(name string, n int64) {
	if c.counts == nil {
		c.counts = map[string]int64{}
	}
	c.counts[name] += n
}

// applyLocked applies a change, all of it or nothing. The caller holds e.changing.
func (e *Engine) applyLocked(c *change) (*store.Receipt, error) {
	receipt := e.store.Apply(append(c.mutations, e.totals.stage(c.counts)...)...)
	err := receipt.Err()
	e.totals.settle(c.counts, err == nil)
	if err != nil {
		return nil, err
	}
	for _, f := range c.then {
		f()
	}
	return receipt, nil
}

// remove adds the removal of an entry, with all that belongs to it. value is the entry's, and may be
// damaged; then the key that leads to it stays and leads to nothing.
func (c *change) remove(e *Engine, id keyspace.ID, value []byte, cause string) {
	key := keyspace.EntryKey(id)
	c.end(e, id)
	if entry, err := keyspace.DecodeEntry(key, value); err == nil {
		index := keyspace.ExactKey(entry.Namespace, entry.Exact)
		if leads, err := e.leadsTo(index); err == nil && leads == id {
			c.mutations = append(c.mutations, store.Delete(index))
		}
		c.forgetForms(e, id, entry)
	}
	c.count(causeTotal[cause], 1)
	c.then = append(c.then, func() {
		if e.options.Events.Removed != nil {
			e.options.Events.Removed(RemoveInfo{Entry: id.String(), Cause: cause})
		}
	})
}

var causeTotal = map[string]string{
	RemovedByUser: removed, RemovedByExpiry: expired, RemovedAsCorrupt: corrupt, RemovedAsWrong: retired,
	RemovedForSize: evictedSize, RemovedForBytes: evictedBytes, RemovedForShare: evictedShare,
}

// end adds the end of an entry and of its use counter.
func (c *change) end(e *Engine, id keyspace.ID) {
	c.mutations = append(c.mutations, store.Delete(keyspace.EntryKey(id)), store.Delete(keyspace.UsesKey(id)))
	c.count(entries, -1)
	c.count(entryBytes, -e.sizeOf(id))
	c.then = append(c.then, func() {
		e.uses.forget(id)
		e.ledger.drop(id)
	})
}

// sizeOf is what an entry was counted as.
func (e *Engine) sizeOf(id keyspace.ID) int64 {
	if r, known := e.ledger.get(id); known {
		return int64(r.bytes)
	}
	return int64(e.storedUses(id).Worth.Bytes)
}

// leadsTo returns the id an index key leads to.
func (e *Engine) leadsTo(index []byte) (id keyspace.ID, err error) {
	err = e.store.View(index, func(value []byte) (err error) {
		id, err = keyspace.DecodeExact(index, value)
		return err
	})
	return id, err
}

// discard removes what is damaged of the entry of a request, if it still is.
func (e *Engine) discard(k *keys) {
	e.changing.Lock()
	defer e.changing.Unlock()
	id, _, cause := e.find(k)
	if !errors.Is(cause, store.ErrCorrupt) {
		return // somebody else saw to it
	}
	e.failed("lookup", cause)
	c := change{mutations: []store.Mutation{store.Delete(k.index())}}
	if value, err := e.store.Get(keyspace.EntryKey(id)); err == nil {
		c.remove(e, id, value, RemovedAsCorrupt)
	}
	if _, err := e.applyLocked(&c); err != nil {
		e.failed("lookup", err)
	}
}
