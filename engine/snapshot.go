package engine

import (
	"context"
	"errors"
	"time"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/snapshot"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// Snapshot is what the store knows of the file beside it.
type Snapshot struct {
	New     bool // the store has never held an entry
	Written bool // a file was; the other fields are about it
	Path    string
	Sum     snapshot.Sum
	Changed bool  // entries have come or gone since
	Changes int64 // how many ever, for Snapshotted
}

// changing totals: an entry that comes or goes counts in one of them.
var changes = []string{remembered, imported, evictedBefore, evictedSize, evictedBytes, evictedShare, expired, removed, corrupt, marked}

// Snapshot returns what the store knows of the file that its entries were written to last.
func (e *Engine) Snapshot(context.Context) (*Snapshot, error) {
	out := &Snapshot{New: e.store.Meta().NextID == 1 && e.totals.get(entries) == 0}
	for _, name := range changes {
		out.Changes += e.totals.get(name)
	}
	out.Changed = true
	key := keyspace.SnapshotKey()
	err := e.store.View(key, func(value []byte) error {
		s, err := keyspace.DecodeSnapshot(key, value)
		if err != nil {
			return err
		}
		out.Written, out.Path, out.Changed = true, s.Path, s.Changes != out.Changes
		out.Sum = snapshot.Sum{SHA256: s.SHA256, Size: int64(s.Size), Modified: time.Unix(0, s.Modified)}
		return nil
	})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) { // a file that nobody knows
		err = nil
	}
	return out, err
}

// Snapshotted notes that the entries were written to a file, or read from one: path, sum, and the changes there
// were when that began.
func (e *Engine) Snapshotted(ctx context.Context, s *Snapshot) error {
	e.changing.Lock()
	var c change
	key := keyspace.SnapshotKey()
	c.set(key, keyspace.EncodeSnapshot(key, &keyspace.Snapshot{
		SHA256: s.Sum.SHA256, Size: uint64(s.Sum.Size), Modified: s.Sum.Modified.UnixNano(), Changes: s.Changes, Path: s.Path,
	}))
	receipt, err := e.applyLocked(&c)
	e.changing.Unlock()
	if err != nil {
		return err
	}
	return receipt.Wait(ctx)
}
