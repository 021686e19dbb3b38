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
	if !e.admits(k) {
		e.totals.add(unadmitted, 1)
		return e.unasked(), nil
	}
	entry := e.entry(q, k, r)
	stored, state := e.askStore(ctx, q, r, entry)
	if !stored {
		e.totals.add(unstored, 1)
		return stateless{nothing{}}, nil // askStore has logged why
	}
	var signatures signed
	entry.Forms, signatures = e.formsOf(ctx, k)
	receipt, err := e.put(ctx, k, entry, signatures)
	if errors.Is(err, errNoRoom) {
		e.totals.add(unstoredSize, 1)
		e.options.Logger.Warn("an answer was not stored", "error", err)
		receipt, err = nothing{}, nil
	}
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
// request had, after there is room for it. It gets an id of its own, so that ids are in the order of time.
func (e *Engine) put(ctx context.Context, k *keys, entry *keyspace.Entry, signatures signed) (Receipt, error) {
	done, err := e.makeRoom(ctx, k, entry, signatures)
	if err != nil {
		return nil, err
	}
	defer done()
	e.needPins(k)
	e.changing.Lock()
	defer e.changing.Unlock()
	id, err := e.store.NextID()
	if err != nil {
		return nil, err
	}
	index, key := k.index(), keyspace.EntryKey(id)
	value := keyspace.EncodeEntry(key, entry)
	c := change{account: k.account}
	c.set(key, value)
	before, _ := e.leadsTo(index)
	old, err := e.replace(&c, index)
	if err != nil {
		return nil, err
	}
	c.set(index, keyspace.EncodeExact(index, id))
	c.indexForms(e, id, entry, signatures)
	uses := keyspace.Uses{Worth: worthOf(entry, k.account, entrySize(len(value), signatures))}
	inherit(&uses.Worth, old, entry.Created)
	e.unpinIfLarge(&uses.Worth, before, old.Worth.Bytes)
	c.setUses(e, id, uses)
	c.count(entries, 1)
	c.count(entryBytes, int64(uses.Worth.Bytes))
	c.count(remembered, 1)
	if e.options.Events.Remembered != nil {
		c.then = append(c.then, func() { e.options.Events.Remembered(RememberInfo{Entry: id.String(), Bytes: len(value)}) })
	}
	return e.applyLocked(&c)
}

// inherit gives an entry what the one in whose place it comes had earned.
func inherit(w *keyspace.Worth, old keyspace.Uses, now int64) {
	if old.Worth.Known {
		w.Pinned = old.Worth.Pinned
		w.Weight += weightAt(old.Worth.Weight, max(old.Last, old.Worth.Created), now)
	}
}

// replace adds the end of the entry that an index key leads to, if there is one, and returns its uses.
func (e *Engine) replace(c *change, index []byte) (uses keyspace.Uses, err error) {
	old, err := e.leadsTo(index)
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrCorrupt):
		return uses, nil
	case err != nil:
		return uses, err
	}
	entry, err := e.read(old)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return uses, nil
	case errors.Is(err, store.ErrCorrupt): // it goes all the same; its signatures lead to nothing
	case err != nil:
		return uses, err
	default:
		c.forgetForms(e, old, entry)
	}
	c.end(e, old)
	return e.usesOf(old), nil
}
