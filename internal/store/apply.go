package store

import (
	"bytes"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// maxBatch bounds what one Apply may hold, in bytes; Pebble keeps a batch in memory three times over.
const maxBatch = 64 << 20

// Mutation is one change of one key. Set and Delete make them.
type Mutation struct {
	key, value []byte
	account    uint32 // of the tenant whose it is; 0 is nobody's
	remove     bool
	raw        bool // the value is sealed already
}

// Set puts value under key, in place of the value there was.
func Set(key, value []byte) Mutation { return Mutation{key: key, value: value} }

// Delete removes key, if it is there.
func Delete(key []byte) Mutation { return Mutation{key: key, remove: true} }

// Apply makes all the mutations visible together, in their order, and returns their receipt, which is
// done once they are safe. Until then a crash may undo them, all together. The slices may be reused
// when Apply returns. Without mutations the receipt is for everything applied before.
//
// Apply itself waits for no disk, except that it slows down when Pebble cannot keep up with a flood.
func (s *Store) Apply(mutations ...Mutation) *Receipt {
	if err := s.enter(); err != nil {
		return failed(err)
	}
	defer s.leave()
	size, err := check(mutations)
	if err != nil {
		return failed(err)
	}
	s.throttle()
	if err := s.write(mutations); err != nil {
		return failed(err)
	}
	return s.syncer.join(size)
}

// check returns the size of the mutations in bytes.
func check(mutations []Mutation) (int, error) {
	size := 0
	for i := range mutations {
		m := &mutations[i]
		size += len(m.key) + len(m.value)
		if bytes.Equal(m.key, metaKey) {
			return 0, invalid("record %x belongs to the store", m.key)
		}
	}
	if size > maxBatch {
		return 0, invalid("%d bytes in one batch; at most %d are allowed", size, maxBatch)
	}
	return size, nil
}

func invalid(format string, args ...any) error {
	return &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("store: "+format, args...)}
}

// write applies the mutations in one batch, unsynced.
func (s *Store) write(mutations []Mutation) error {
	if len(mutations) == 0 || s.shield.failed() {
		return s.Err()
	}
	batch := s.db.NewBatch()
	defer func() { _ = batch.Close() }()
	var sealed []byte
	if s.seals.writes() {
		buffer := buffers.Get().(*[]byte)
		defer giveBack(buffer)
		defer func() { *buffer = sealed[:0] }()
		sealed = *buffer
	}
	for i := range mutations {
		m := mutations[i]
		if s.seals.writes() && !m.remove && !m.raw && !bytes.Equal(m.key, metaKey) {
			sealed = s.seals.box.Seal(sealed[:0], m.account, m.key, m.value)
			m.value = sealed // add copies it
		}
		if err := add(batch, &m); err != nil {
			return problem(s.dir, err)
		}
	}
	if err := s.db.Apply(batch, pebble.NoSync); err != nil {
		return problem(s.dir, err)
	}
	return s.Err()
}

func add(batch *pebble.Batch, m *Mutation) error {
	if m.remove {
		return batch.Delete(m.key, nil)
	}
	return batch.Set(m.key, m.value, nil)
}

// sync makes everything written before it safe. An empty record at the end of the log is enough: a
// sync of it is a sync of all before it.
func (s *Store) sync() error {
	if s.shield.failed() {
		return s.Err()
	}
	if err := s.db.LogData(nil, pebble.Sync); err != nil {
		return problem(s.dir, err)
	}
	return s.Err() // Pebble is told of success whatever the disk said; see shield
}
