package keyspace

import (
	"errors"
	"fmt"
)

var (
	// ErrCorrupt marks bytes that no version of this format could have written.
	ErrCorrupt = errors.New("store is corrupt")
	// ErrNewer marks a store that a newer program wrote.
	ErrNewer = errors.New("store has a newer format")
)

// CorruptError says which record is corrupt and where. It unwraps to ErrCorrupt.
type CorruptError struct {
	Key    []byte // the record's key
	Field  string // the field that cannot be, as docs/formats/store.md names it
	Reason string // what is wrong with it
}

// Error names the key in hex, so that it can be looked up whatever bytes it holds.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("record %x is corrupt: %s %s", e.Key, e.Field, e.Reason)
}

// Unwrap returns ErrCorrupt.
func (e *CorruptError) Unwrap() error { return ErrCorrupt }

// NewerError says which format version was found. It unwraps to ErrNewer.
type NewerError struct {
	Found uint32
}

// Error names both versions.
func (e *NewerError) Error() string {
	return fmt.Sprintf("store has format version %d; this program knows versions up to %d", e.Found, Version)
}

// Unwrap returns ErrNewer.
func (e *NewerError) Unwrap() error { return ErrNewer }
