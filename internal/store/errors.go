package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// Sentinels that callers branch on with errors.Is. Errors of this package are *base.Error with a hint
// where somebody can do something about it, and unwrap to their cause as well.
var (
	// ErrNotFound: there is no such key, or with Options.MustExist no such store.
	ErrNotFound = errors.New("not found")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store is closed")
	// ErrLocked: another process, or another Store of this one, holds the folder.
	ErrLocked = errors.New("store is in use")
	// ErrNewer: a newer program wrote the store.
	ErrNewer = keyspace.ErrNewer
	// ErrCorrupt: the bytes on disk are not what was written.
	ErrCorrupt = keyspace.ErrCorrupt
	// ErrFull: the disk, or this user's share of it, is full.
	ErrFull = errors.New("disk is full")
	// ErrUnsettled: the store cannot be opened for reading only, before it was opened for writing.
	ErrUnsettled = errors.New("store has a log to work off")
	// ErrSealed: the store is sealed and there is no key.
	ErrSealed = errors.New("store is sealed")
	// ErrPlain: the store is not sealed and there is a key.
	ErrPlain = errors.New("store is not sealed")
	// ErrKey: the key is not the store's, or its keyring is not.
	ErrKey = errors.New("store is sealed by another key")
	// ErrMoving: the store is sealed in part.
	ErrMoving = errors.New("store is sealed in part")
	// ErrReadOnly: this user may not write the folder, or nobody may.
	ErrReadOnly = errors.New("store cannot be written")
)

// problem dresses an error for the people who run kvasir. It keeps err in the tree.
func problem(dir string, err error) error {
	var dressed *base.Error
	switch {
	case err == nil || errors.As(err, &dressed):
		return err
	case errors.Is(err, ErrLocked):
		return dress(ErrLocked, err, "stop the other kvasir first, or choose another store",
			"store %q is in use by another process", dir)
	case errors.Is(err, ErrNewer) || isNewerPebble(err):
		return dress(ErrNewer, err, "upgrade kvasir, or choose another store", "store %q: %s", dir, newer(err))
	case isFull(err):
		return dress(ErrFull, err, "free some space, then start kvasir again",
			"store %q: the disk is full: %v", dir, err)
	case isReadOnly(err):
		return dress(ErrReadOnly, err, "give this user the right to write the folder, or choose another store",
			"store %q cannot be written: %v", dir, err)
	case errors.Is(err, ErrCorrupt) || pebble.IsCorruptionError(err):
		return dress(ErrCorrupt, err, hintCorrupt,
			"store %q is corrupt: %s", dir, damage(err))
	}
	return fmt.Errorf("store %q: %w", dir, err)
}

// hintCorrupt says what to do about damage. A store that only lost some records is worth more than an empty one.
const hintCorrupt = "kvasir check --repair keeps all that can still be read; " +
	"if that fails too, move the store's folder away, and kvasir makes a new, empty one"

func dress(sentinel, cause error, hint, format string, args ...any) error {
	return &base.Error{Sentinel: errors.Join(sentinel, cause), Message: fmt.Sprintf(format, args...), Hint: hint}
}

// damage says which file is damaged and how, as far as err knows.
func damage(err error) string {
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
		return fmt.Sprintf("%s: %v", filepath.Base(info.Path), info.Details)
	}
	return err.Error()
}

// unopened is problem for an error of pebble.Open. What it refuses without the operating system
// having refused anything is a file that does not say what it should.
func unopened(dir string, err error) error {
	var errno syscall.Errno
	missing := errors.Is(err, fs.ErrNotExist)
	if missing || !errors.As(err, &errno) && !errors.Is(err, ErrLocked) && !isNewerPebble(err) {
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return problem(dir, err)
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func isReadOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// isNewerPebble recognises a store whose files, not records, are of a later kind. Pebble has no
// sentinel for it; a test holds the words.
func isNewerPebble(err error) bool {
	return err != nil && strings.Contains(err.Error(), "unknown format major version")
}

func newer(err error) string {
	var records *keyspace.NewerError
	if errors.As(err, &records) {
		return records.Error()
	}
	_, found, _ := strings.Cut(err.Error(), "unknown format major version ")
	return fmt.Sprintf("its files have version %s; this program knows versions up to %d", found, pebble.FormatNewest)
}

// writeError says which operation on which file was refused. The operating system's errors repeat
// both in their text and others leave them out, so the text is made here.
type writeError struct {
	op, name string
	err      error
}

func (e *writeError) Error() string { return fmt.Sprintf("%s %s: %v", e.op, e.name, bare(e.err)) }

func (e *writeError) Unwrap() error { return e.err }

// bare strips operation and path from an error of the operating system.
func bare(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
