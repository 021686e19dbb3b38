package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/seal"
)

// ringFile is the file keyring of a store. Whoever writes it holds its lock, which is not that of the store: another
// user's key is put in place while a process has the store.
type ringFile struct {
	disk vfs.FS
	dir  string
}

const (
	ringName = "keyring"
	maxRing  = 4096 // bytes
)

func (f ringFile) path(suffix string) string { return f.disk.PathJoin(f.dir, ringName+suffix) }

// lock keeps others from writing the file.
func (f ringFile) lock() (io.Closer, error) {
	lock, err := f.disk.Lock(f.path(".lock"))
	if err != nil {
		return nil, dress(ErrLocked, err, "wait until it is done", "keyring of store %q is being written by another process", f.dir)
	}
	f.private(".lock")
	return lock, nil
}

func (f ringFile) private(suffix string) {
	if f.disk == vfs.Default {
		_ = os.Chmod(f.path(suffix), 0o600)
	}
}

// read returns the keyring of a store, if key opens it.
func (f ringFile) read(key *seal.Key) (*seal.Keyring, error) {
	content, err := f.content()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, dress(ErrKey, err, "put the file keyring back from a copy of the store; without it nothing in the store can be read",
			"store %q is sealed, and its file keyring is gone", f.dir)
	}
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	ring, err := seal.OpenKeyring(content, key)
	switch {
	case errors.Is(err, seal.ErrOtherKey):
		return nil, dress(ErrKey, err, "give the key the store was sealed with, or last rekeyed to", "store %q is sealed by another key: %v", f.dir, err)
	case err != nil:
		return nil, dress(ErrKey, err, "put the file keyring back from a copy of the store; nothing else was changed",
			"store %q: %v", f.dir, err)
	}
	return ring, nil
}

func (f ringFile) content() ([]byte, error) {
	file, err := f.disk.Open(f.path(""))
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxRing))
	return content, errors.Join(err, file.Close())
}

// write puts a keyring in place of the one there is, or leaves that one, whatever fails and when.
func (f ringFile) write(ring *seal.Keyring, key *seal.Key, random io.Reader) error {
	content, err := ring.Seal(key, random)
	if err == nil {
		err = f.replace(content)
	}
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	return nil
}

func (f ringFile) replace(content []byte) error {
	file, err := f.disk.Create(f.path(".new"), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	f.private(".new")
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = f.disk.Rename(f.path(".new"), f.path(""))
	}
	if err != nil {
		return errors.Join(err, f.disk.Remove(f.path(".new")))
	}
	folder, err := f.disk.OpenDir(f.dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// remove removes the file. One that is not there is no error.
func (f ringFile) remove() error {
	if err := f.disk.Remove(f.path("")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keyring: %w", err)
	}
	return nil
}

// Rekey makes to the key of the store that o.Key opens. It writes the keyring anew and touches nothing else, so it takes
// a moment, and another process may have the store. A crash leaves the one key or the other in force.
func Rekey(o Options, to *seal.Key) error {
	o, err := o.withDefaults()
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	f := ringFile{o.disk(), o.Dir}
	if _, err := f.content(); errors.Is(err, fs.ErrNotExist) {
		return f.without()
	}
	lock, err := f.lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	ring, err := f.read(o.Key)
	if err != nil {
		return err
	}
	return problem(o.Dir, f.write(ring, to, o.Random))
}

// without says what is wrong with a store that has no keyring.
func (f ringFile) without() error {
	names, err := f.disk.List(f.dir)
	if err != nil || len(names) == 0 {
		return missing(f.dir)
	}
	return &base.Error{Sentinel: ErrPlain, Message: fmt.Sprintf("store %q has no keyring", f.dir),
		Hint: "kvasir seal seals a store that is not sealed; a sealed one needs its keyring back from a copy"}
}

// checkRing refuses a keyring that is not the store's, or an older one than the store has seen.
func checkRing(dir string, ring *seal.Keyring, meta *keyspace.Meta) error {
	const hint = "put the latest file keyring back; it belongs to the store like its tables"
	switch {
	case ring.Store != meta.Store:
		return dress(ErrKey, nil, hint, "store %q: the file keyring is of another store", dir)
	case ring.Generation < meta.Seal.Generation:
		return dress(ErrKey, nil, hint, "store %q: the file keyring is older than the store: generation %d, not %d or later",
			dir, ring.Generation, meta.Seal.Generation)
	}
	return nil
}
