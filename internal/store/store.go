package store

import (
	"bytes"
	"errors"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// Store is an open store.
type Store struct {
	dir    string
	log    *slog.Logger
	db     *pebble.DB
	shield *shield

	syncer   *syncer
	pressure pressure
	ids      ids
	seals    sealing // not changed after Open

	// Every call holds life for reading while it uses db, and Close alone takes it for writing. So a
	// try that fails means that the store is being closed.
	life    sync.RWMutex
	closed  bool          // guarded by life
	closing chan struct{} // closed when Close begins
	close   func() error
}

// enter begins a call; leave ends it.
func (s *Store) enter() error {
	if !s.life.TryRLock() {
		return ErrClosed
	}
	if s.closed {
		s.life.RUnlock()
		return ErrClosed
	}
	return nil
}

func (s *Store) leave() { s.life.RUnlock() }

// Get returns a copy of the value under key, or ErrNotFound.
func (s *Store) Get(key []byte) ([]byte, error) {
	var value []byte
	err := s.View(key, func(borrowed []byte) error {
		value = bytes.Clone(borrowed)
		return nil
	})
	return value, err
}

// View calls f with the value under key and returns f's error, or ErrNotFound if there is no such key.
// The value belongs to the store and must be neither changed nor kept. f may call the store, but Close
// waits for it.
func (s *Store) View(key []byte, f func(value []byte) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	value, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return problem(s.dir, err)
	}
	defer func() { _ = closer.Close() }() // gives the borrowed block back; there is nothing to fail
	if s.seals.box == nil {
		return f(value)
	}
	return s.seals.view(key, value, f)
}

// Err returns why the store has failed, or nil. A store that has failed serves reads and refuses
// writes; Close and Open again to write.
func (s *Store) Err() error { return problem(s.dir, s.shield.failure()) }

// Failed returns a channel that is closed when the store fails.
func (s *Store) Failed() <-chan struct{} { return s.shield.broken }

// Close waits for the calls under way, syncs what was applied, resolves every receipt and gives the
// folder free. It returns why applied mutations may be lost, if they may. Calling it again returns the
// same.
func (s *Store) Close() error { return s.close() }

func (s *Store) closeOnce() error {
	close(s.closing)
	s.life.Lock()
	s.closed = true
	s.life.Unlock()
	err := s.ids.giveBack(s)
	s.syncer.stop()
	if failure := s.Err(); failure != nil {
		_ = s.db.Close() // complains about what the failure left behind
		return failure
	}
	return errors.Join(err, problem(s.dir, s.db.Close()))
}

// ids gives out entry ids. They are reserved in blocks, so that an id costs no write of its own: the
// Meta record holds the end of the block, and what a crash leaves unused is skipped.
type ids struct {
	mu struct {
		sync.Mutex
		meta keyspace.Meta // as last written
		next keyspace.ID
	}
}

// idBlock is how many ids are reserved at once.
const idBlock = 1024

// NextID returns an id that no entry of this store has or had. It survives a crash together with the
// first mutation applied after it.
func (s *Store) NextID() (keyspace.ID, error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	m := &s.ids.mu
	m.Lock()
	defer m.Unlock()
	if m.next == m.meta.NextID {
		if err := s.ids.writeLocked(s, m.next+idBlock); err != nil {
			return 0, err
		}
	}
	m.next++
	return m.next - 1, nil
}

// Meta returns the record that describes the store.
func (s *Store) Meta() keyspace.Meta {
	s.ids.mu.Lock()
	defer s.ids.mu.Unlock()
	return s.ids.mu.meta
}

func (i *ids) writeLocked(s *Store, end keyspace.ID) error {
	meta := i.mu.meta
	meta.NextID = end
	key := keyspace.MetaKey()
	if err := s.write([]Mutation{Set(key, keyspace.EncodeMeta(key, &meta))}); err != nil {
		return err
	}
	i.mu.meta = meta
	return nil
}

// giveBack returns the unused ids of the last block.
func (i *ids) giveBack(s *Store) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.mu.next == i.mu.meta.NextID || s.shield.failed() {
		return nil
	}
	return i.writeLocked(s, i.mu.next)
}
