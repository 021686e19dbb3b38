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
	tenants := newTenantFinder(e.salts)
	for _, row := range rows {
		id, entry, err := decodeRow(row)
		if err != nil {
			e.failed("list", err)
			continue
		}
		shown := entryOf(id, entry, e.usesOf(id))
		shown.Tenant, _ = tenants.find(entry)
		list = append(list, shown)
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
	shown.Tenant, _ = newTenantFinder(e.salts).find(entry)
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
	var c change
	value, err := e.store.Get(keyspace.EntryKey(id))
	switch {
	case errors.Is(err, ErrNotFound): // a mark may have retired it
		n, failure := c.stripMarks(e, keyspace.WrongPrefix(), func(w *keyspace.Wrong) bool { return w.Entry == id })
		if failure != nil || n == 0 {
			return nil, errors.Join(failure, err)
		}
		return e.applyLocked(&c)
	case err != nil:
		return nil, err
	}
	c.remove(e, id, value, RemovedByUser)
	if err := c.stripMarksOf(e, id, value); err != nil {
		return nil, err
	}
	return e.applyLocked(&c)
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
