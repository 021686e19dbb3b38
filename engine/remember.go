package engine

import (
	"context"
	"errors"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// Receipt tells when a remembered answer is safe: a crash after Wait returned nil does not lose it.
type Receipt interface {
	// Wait waits for the sync that makes the answer safe, and hastens it.
	Wait(ctx context.Context) error
}

// nothing is the receipt of an answer that is not remembered, for a good reason.
type nothing struct{}

func (nothing) Wait(context.Context) error { return nil }

// stateless is a receipt that says that the model's state may not be saved.
type stateless struct{ Receipt }

// KeepsState implements StateReceipt.
func (stateless) KeepsState() bool { return false }

// StateReceipt is a Receipt that knows whether the model's state may be saved; with others it may.
type StateReceipt interface {
	Receipt
	KeepsState() bool
}

// unasked is the receipt of an answer that hooks were not asked about. If there are hooks that say what may be
// stored, its state is not.
func (e *Engine) unasked() Receipt {
	if e.wants(hostapi.RoleOnStore) {
		return stateless{nothing{}}
	}
	return nothing{}
}

// refused is the receipt of an answer that could not be stored.
type refused struct{ err error }

func (r refused) Wait(context.Context) error { return r.err }

// Remember stores the answer to a request, in place of an older one. It stores only whole answers,
// which ended by themselves or at a stop string, of requests that Lookup would look for. The answer is
// found from the moment Remember returns; it is safe when the receipt is done. An error says why a
// whole answer could not be stored; the caller need not care.
func (e *Engine) Remember(ctx context.Context, q *Query, r *Result) (Receipt, error) {
	if err := q.check(); err != nil || r == nil {
		return nothing{}, err
	}
	if r.FinishReason != base.FinishStop || e.bypasses(q.Request) != "" || q.Control.Bypass != "" || q.Control.NoStore {
		return e.unasked(), nil
	}
	k, err := e.keysOf(q)
	if err != nil {
		e.failed("remember", err)
		return nothing{}, err
	}
	entry := e.entry(q, k, r)
	stored, state := e.askStore(ctx, q, r, entry)
	if !stored {
		e.totals.add(unstored, 1)
		return stateless{nothing{}}, nil // askStore has logged why
	}
	var signatures signed
	entry.Forms, signatures = e.formsOf(ctx, k)
	receipt, err := e.put(k, entry, signatures, e.spared(ctx))
	if err != nil {
		e.failed("remember", err)
		return nothing{}, err
	}
	if !state {
		return stateless{receipt}, nil
	}
	return receipt, nil
}

func (e *Engine) entry(q *Query, k *keys, r *Result) *keyspace.Entry {
	now := e.options.Now()
	return &keyspace.Entry{
		Namespace: keyspace.Hash(k.namespace), Exact: keyspace.Hash(k.exact), Model: keyspace.Hash(q.Model),
		Created: now.UnixNano(), Expires: e.options.expiryOf(q, now),
		Timings: r.Timings, Cost: cost(r.Timings), Usage: r.Usage,
		Request: k.canonical.Bytes, Prompt: k.canonical.Subject, Topic: q.Topic,
		PromptTokens: r.PromptTokens, Tokens: r.Tokens,
		Answer: r.Text, FinishReason: r.FinishReason, StopString: r.StopString,
	}
}

// cost is the time that serving an answer from the store saves. Waiting in a queue is not part of it.
func cost(t base.Timings) time.Duration { return t.Prefill + t.Decode }

// put stores an entry with everything that leads to it in one batch, in place of the entry that the
// request had. It gets an id of its own, so that ids are in the order of time.
func (e *Engine) put(k *keys, entry *keyspace.Entry, signatures signed, spared map[keyspace.ID]bool) (Receipt, error) {
	e.changing.Lock()
	defer e.changing.Unlock()
	id, err := e.store.NextID()
	if err != nil {
		return nil, err
	}
	index, key := k.index(), keyspace.EntryKey(id)
	value := keyspace.EncodeEntry(key, entry)
	c := change{mutations: []store.Mutation{store.Set(key, value)}}
	if err := e.replace(&c, index); err != nil {
		return nil, err
	}
	c.set(index, keyspace.EncodeExact(index, id))
	c.indexForms(e, id, entry, signatures)
	c.count(entries, 1)
	c.count(remembered, 1)
	e.makeRoom(&c, spared)
	if e.options.Events.Remembered != nil {
		c.then = append(c.then, func() { e.options.Events.Remembered(RememberInfo{Entry: id.String(), Bytes: len(value)}) })
	}
	return e.applyLocked(&c)
}

// replace adds the end of the entry that an index key leads to, if there is one.
func (e *Engine) replace(c *change, index []byte) error {
	old, err := e.leadsTo(index)
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrCorrupt):
		return nil
	case err != nil:
		return err
	}
	entry, err := e.read(old)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case errors.Is(err, store.ErrCorrupt): // it goes all the same; its signatures lead to nothing
	case err != nil:
		return err
	default:
		c.forgetForms(e, old, entry)
	}
	c.replaced = old
	c.mutations = append(c.mutations, store.Delete(keyspace.EntryKey(old)), store.Delete(keyspace.UsesKey(old)))
	c.count(entries, -1)
	c.then = append(c.then, func() { e.uses.forget(old) })
	return nil
}

// mostSpared bounds how many entries more than have to go hooks are asked about.
const mostSpared = 64

// spared asks hooks, before anything is locked, which of the oldest entries are to be kept when some have to
// go. It stops when enough may go.
func (e *Engine) spared(ctx context.Context) map[keyspace.ID]bool {
	over := int(e.totals.get(entries) + 1 - int64(e.options.MaxEntries))
	if over <= 0 || !e.wants(hostapi.RoleOnEvict) {
		return nil
	}
	rows, _, err := e.store.Page(keyspace.EntryPrefix(), nil, over+mostSpared)
	if err != nil {
		return nil // makeRoom meets it too, and says so
	}
	spared := map[keyspace.ID]bool{}
	for _, row := range rows {
		id, entry, err := decodeRow(row)
		switch {
		case over == 0:
			return spared
		case err == nil && e.askEvict(ctx, id, entry):
			spared[id] = true
		default:
			over--
		}
	}
	return spared
}

// makeRoom adds the removal of the oldest entries past the limit. Those that are spared go only if there
// are no others among the oldest.
func (e *Engine) makeRoom(c *change, spared map[keyspace.ID]bool) {
	over := int(e.totals.get(entries) + c.counts[entries] - int64(e.options.MaxEntries))
	if over <= 0 {
		return
	}
	rows, _, err := e.store.Page(keyspace.EntryPrefix(), nil, over+len(spared)+1) // one may be replaced
	if err != nil {
		e.failed("make room", err)
		return
	}
	var last []store.Row
	for _, row := range rows {
		id, err := keyspace.ParseEntryKey(row.Key)
		switch {
		case err != nil || over == 0 || id == c.replaced:
		case spared[id]:
			last = append(last, row)
		default:
			c.remove(e, id, row.Value, RemovedForSpace)
			over--
		}
	}
	for _, row := range last[:min(over, len(last))] {
		if id, err := keyspace.ParseEntryKey(row.Key); err == nil {
			c.remove(e, id, row.Value, RemovedForSpace)
		}
	}
}
