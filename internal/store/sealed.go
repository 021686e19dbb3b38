package store

import (
	"bytes"
	"io"
	"sync"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/seal"
)

// sealing is how records are sealed. The zero value leaves them as they are.
type sealing struct {
	ring *seal.Keyring
	box  *seal.Box // nil: records are plain
	// While records are on their way, plain and sealed ones are read, and written as the goal says.
	goal keyspace.SealGoal
	lock io.Closer // of the keyring, meanwhile
}

// release gives the keyring free, if it was held.
func (s *sealing) release() {
	if s.lock != nil {
		_ = s.lock.Close() // a lock that cannot be given back ends with the process
		s.lock = nil
	}
}

// plainToo reports whether records may be plain beside sealed ones.
func (s *sealing) plainToo() bool { return s.goal == keyspace.SealOn || s.goal == keyspace.SealOff }

func (s *sealing) writes() bool { return s.box != nil && s.goal != keyspace.SealOff }

// buffers hold what records are sealed and opened into.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// mostKept bounds a buffer that is kept for the next record.
const mostKept = 1 << 20

func giveBack(buffer *[]byte) {
	if cap(*buffer) <= mostKept {
		buffers.Put(buffer)
	}
}

// open appends the value of a record to into, or returns it as it is where it is plain and may be.
func (s *sealing) open(into, key, value []byte) ([]byte, error) {
	if bytes.Equal(key, metaKey) || s.plainToo() && !seal.IsSealed(value) {
		return value, nil
	}
	opened, err := s.box.Open(into, key, value)
	if err != nil {
		return nil, &keyspace.CorruptError{Key: key, Field: "seal", Reason: "is not that of this record"}
	}
	return opened, nil
}

var metaKey = keyspace.MetaKey()

// view calls f with the value of a sealed record.
func (s *sealing) view(key, value []byte, f func(value []byte) error) error {
	buffer := buffers.Get().(*[]byte)
	defer giveBack(buffer)
	opened, err := s.open((*buffer)[:0], key, value)
	if err != nil {
		return err
	}
	if len(opened) > 0 && &opened[0] != &value[0] {
		*buffer = opened[:0]
	}
	return f(opened)
}

// openRows opens the values of rows. One that does not open becomes empty, which no decoder takes for a record: left as
// it is, one that somebody wrote in the open would pass for the store's own.
func (s *sealing) openRows(rows []Row) {
	if s.box == nil {
		return
	}
	for i := range rows {
		value, err := s.open(nil, rows[i].Key, rows[i].Value)
		if err != nil {
			value = []byte{}
		}
		rows[i].Value = value
	}
}

// For says whose record it is, by the account of a tenant. Records of different tenants are sealed by different keys.
func (m Mutation) For(account uint32) Mutation {
	m.account = account
	return m
}

// Sealed returns what seals files that belong to the store, or nil if nothing is sealed.
func (s *Store) Sealed() *seal.Box { return s.seals.box }
