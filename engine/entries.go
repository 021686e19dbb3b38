package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// List returns the entries from an id on, oldest first, at most limit of them (0 means 100), and the
// id where the rest begins, empty if there is none. An empty from means the beginning. Damaged entries
// are left out and counted.
func (e *Engine) List(_ context.Context, from string, limit int) (list []Entry, next string, err error) {
	if limit <= 0 {
		limit = 100
	}
	var first []byte
	if from != "" {
		id, err := parseID(from)
		if err != nil {
			return nil, "", err
		}
		first = keyspace.EntryKey(id)
	}
	rows, rest, err := e.store.Page(keyspace.EntryPrefix(), first, limit)
	if err != nil {
		return nil, "", err
	}
	for _, row := range rows {
		id, entry, err := decodeRow(row)
		if err != nil {
			e.failed("list", err)
			continue
		}
		list = append(list, entryOf(id, entry, e.usesOf(id)))
	}
	if rest != nil {
		id, err := keyspace.ParseEntryKey(rest)
		if err != nil {
			return nil, "", err
		}
		next = id.String()
	}
	return list, next, nil
}

// Get returns the entry with an id.
func (e *Engine) Get(_ context.Context, id string) (*Entry, error) {
	number, err := parseID(id)
	if err != nil {
		return nil, err
	}
	entry, err := e.read(number)
	if err != nil {
		return nil, noEntry(id, err)
	}
	shown := entryOf(number, entry, e.usesOf(number))
	return &shown, nil
}

// Remove removes the entry with an id. When it returns, the entry will not come back.
func (e *Engine) Remove(ctx context.Context, id string) error {
	number, err := parseID(id)
	if err != nil {
		return err
	}
	receipt, err := e.remove(number)
	if err != nil {
		return noEntry(id, err)
	}
	return receipt.Wait(ctx)
}

func (e *Engine) remove(id keyspace.ID) (*store.Receipt, error) {
	e.changing.Lock()
	defer e.changing.Unlock()
	key := keyspace.EntryKey(id)
	value, err := e.store.Get(key)
	if err != nil {
		return nil, err
	}
	mutations, err := e.removal(store.Row{Key: key, Value: value}, RemovedByUser)
	if err != nil {
		return nil, err
	}
	receipt := e.store.Apply(append(mutations, e.totals.take()...)...)
	return receipt, receipt.Err()
}

// removal returns the mutations that remove an entry with all that belongs to it, and counts it. A
// damaged entry is removed without the key that leads to it, which then leads to nothing.
func (e *Engine) removal(row store.Row, cause string) ([]store.Mutation, error) {
	id, err := keyspace.ParseEntryKey(row.Key)
	if err != nil {
		return nil, err
	}
	mutations := []store.Mutation{store.Delete(row.Key), store.Delete(keyspace.UsesKey(id))}
	if entry, err := keyspace.DecodeEntry(row.Key, row.Value); err == nil {
		mutations = append(mutations, store.Delete(keyspace.ExactKey(entry.Namespace, entry.Exact)))
	}
	e.uses.forget(id)
	e.totals.add(entries, -1)
	e.totals.add(causeTotal[cause], 1)
	if e.options.Events.Removed != nil {
		e.options.Events.Removed(RemoveInfo{Entry: id.String(), Cause: cause})
	}
	return mutations, nil
}

var causeTotal = map[string]string{RemovedByUser: removed, RemovedForSpace: evicted, RemovedByExpiry: expired, RemovedAsCorrupt: corrupt}

// discard removes a damaged entry and the key that leads to it.
func (e *Engine) discard(id keyspace.ID, k *keys, cause error) {
	e.failed("lookup", cause)
	e.changing.Lock()
	defer e.changing.Unlock()
	mutations := []store.Mutation{store.Delete(k.index())}
	key := keyspace.EntryKey(id)
	if value, err := e.store.Get(key); err == nil {
		removal, err := e.removal(store.Row{Key: key, Value: value}, RemovedAsCorrupt)
		if err == nil {
			mutations = append(mutations, removal...)
		}
	}
	e.store.Apply(append(mutations, e.totals.take()...)...)
}

func decodeRow(row store.Row) (keyspace.ID, *keyspace.Entry, error) {
	id, err := keyspace.ParseEntryKey(row.Key)
	if err != nil {
		return 0, nil, err
	}
	entry, err := keyspace.DecodeEntry(row.Key, row.Value)
	return id, entry, err
}

func parseID(text string) (keyspace.ID, error) {
	id, err := keyspace.ParseID(text)
	if err != nil {
		return 0, &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("entry id %q is not one", text), Hint: "kvasir ls lists them"}
	}
	return id, nil
}

func noEntry(id string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return &base.Error{Sentinel: ErrNotFound, Message: fmt.Sprintf("no entry has the id %q", id), Hint: "kvasir ls lists them"}
	}
	return err
}
