package engine

import (
	"context"
	"errors"
	"time"

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

// Remember stores the answer to a request, in place of an older one. It stores only whole answers,
// which ended by themselves or at a stop string, of requests that Lookup would look for. The answer is
// found from the moment Remember returns; it is safe when the receipt is done. An error says why a
// whole answer could not be stored; the caller need not care.
func (e *Engine) Remember(_ context.Context, q *Query, r *Result) (Receipt, error) {
	if r.FinishReason != base.FinishStop || e.bypasses(q.Request) != "" {
		return nothing{}, nil
	}
	k, err := e.keysOf(q)
	if err != nil {
		return nothing{}, err
	}
	receipt, err := e.put(k, e.entry(q, k, r))
	if err != nil {
		e.failed("remember", err)
		return nothing{}, err
	}
	return receipt, nil
}

func (e *Engine) entry(q *Query, k *keys, r *Result) *keyspace.Entry {
	now := e.options.Now()
	return &keyspace.Entry{
		Namespace: keyspace.Hash(k.namespace), Exact: keyspace.Hash(k.exact), Model: keyspace.Hash(q.Model),
		Created: now.UnixNano(), Expires: e.options.expiry(now),
		Timings: r.Timings, Cost: cost(r.Timings), Usage: r.Usage,
		Request: k.canonical.Bytes, Prompt: k.canonical.Subject,
		PromptTokens: r.PromptTokens, Tokens: r.Tokens,
		Answer: r.Text, FinishReason: r.FinishReason, StopString: r.StopString,
	}
}

// cost is the time that serving an answer from the store saves. Waiting in a queue is not part of it.
func cost(t base.Timings) time.Duration { return t.Prefill + t.Decode }

// put stores an entry with everything that leads to it in one batch.
func (e *Engine) put(k *keys, entry *keyspace.Entry) (Receipt, error) {
	e.changing.Lock()
	defer e.changing.Unlock()
	index := k.index()
	id, isNew, err := e.idFor(index)
	if err != nil {
		return nil, err
	}
	key := keyspace.EntryKey(id)
	value := keyspace.EncodeEntry(key, entry)
	mutations := []store.Mutation{
		store.Set(key, value),
		store.Set(index, keyspace.EncodeExact(index, id)),
		store.Delete(keyspace.UsesKey(id)),
	}
	if isNew {
		e.totals.add(entries, 1)
		mutations = append(mutations, e.makeRoom()...)
	} else {
		e.uses.forget(id)
	}
	e.totals.add(remembered, 1)
	receipt := e.store.Apply(append(mutations, e.totals.take()...)...)
	if err := receipt.Err(); err != nil {
		return nil, errors.Join(err, e.totals.read(e.store))
	}
	if e.options.Events.Remembered != nil {
		e.options.Events.Remembered(RememberInfo{Entry: id.String(), Bytes: len(value)})
	}
	return receipt, nil
}

// idFor returns the id of the entry under an index key, or a new one.
func (e *Engine) idFor(index []byte) (id keyspace.ID, isNew bool, err error) {
	err = e.store.View(index, func(value []byte) (err error) {
		id, err = keyspace.DecodeExact(index, value)
		return err
	})
	if err == nil {
		return id, false, nil
	}
	if !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrCorrupt) {
		return 0, false, err
	}
	id, err = e.store.NextID()
	return id, true, err
}

// makeRoom returns the mutations that remove the oldest entries past the limit.
func (e *Engine) makeRoom() []store.Mutation {
	over := e.totals.get(entries) - int64(e.options.MaxEntries)
	if over <= 0 {
		return nil
	}
	rows, _, err := e.store.Page(keyspace.EntryPrefix(), nil, int(over))
	if err != nil {
		e.failed("make room", err)
		return nil
	}
	var mutations []store.Mutation
	for _, row := range rows {
		removal, err := e.removal(row, RemovedForSpace)
		if err != nil {
			e.failed("make room", err)
			continue
		}
		mutations = append(mutations, removal...)
	}
	return mutations
}
