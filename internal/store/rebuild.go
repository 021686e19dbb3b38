package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// rebuiltSuffix is what the folder of a store on its way has behind its name, and damagedSuffix that of a store
// that was replaced.
const (
	rebuiltSuffix = ".rebuilt"
	damagedSuffix = ".damaged"
)

// Rebuild makes a new store of all that can be read of the one in o.Dir, in its place, and returns where the old
// one is now. What is beside the database in the folder goes with it. Nobody may have the store open.
//
// Where it fails, or the machine stops, the store is as it was; only between two renames at the end it is
// missing, and both folders are there. Its sub-folders follow after that: where the machine stops before they have,
// they are in the old one.
func Rebuild(o Options) (old string, err error) {
	rebuilt := o.Dir + rebuiltSuffix
	if err := removeCopy(rebuilt); err != nil {
		return "", err
	}
	if err := copyRecords(o, rebuilt); err != nil {
		return "", errors.Join(err, os.RemoveAll(rebuilt))
	}
	lock, err := vfs.Default.Lock(filepath.Join(o.Dir, "LOCK"))
	if err != nil {
		return "", errors.Join(problem(o.Dir, errors.Join(ErrLocked, err)), os.RemoveAll(rebuilt))
	}
	defer func() { _ = lock.Close() }()
	if old, err = freeName(o.Dir + damagedSuffix); err == nil {
		err = linkFiles(o.Dir, rebuilt)
	}
	if err == nil {
		err = swap(o.Dir, rebuilt, old)
	}
	if err != nil {
		return "", fmt.Errorf("store %q: %w", o.Dir, err)
	}
	return old, syncDir(filepath.Dir(o.Dir))
}

// removeCopy removes what a repair that was stopped has left. A folder that is not the database's is not of it.
func removeCopy(rebuilt string) error {
	folders, err := subFolders(rebuilt)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(folders) > 0 {
		return &base.Error{Sentinel: fs.ErrExist, Message: fmt.Sprintf("%q is in the way, and has the folder %q in it", rebuilt, folders[0]),
			Hint: "move the folders in it to where they belong, beside the store's files, and remove it"}
	}
	return os.RemoveAll(rebuilt)
}

// swap puts a rebuilt store in the place of the old one, and then the folders of the old one into it. On an error
// all is where it was.
func swap(dir, rebuilt, old string) error {
	if err := os.Rename(dir, old); err != nil {
		return err
	}
	if err := os.Rename(rebuilt, dir); err != nil {
		return errors.Join(err, os.Rename(old, dir))
	}
	folders, err := subFolders(old)
	if err == nil {
		err = moveFolders(old, dir, folders)
	}
	if err != nil {
		return errors.Join(err, os.Rename(dir, rebuilt), os.Rename(old, dir))
	}
	return errors.Join(syncDir(dir), syncDir(old))
}

// moveFolders moves folders from one folder to another: all, or none.
func moveFolders(from, to string, folders []string) error {
	for i, name := range folders {
		if err := os.Rename(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			for _, moved := range folders[:i] {
				err = errors.Join(err, os.Rename(filepath.Join(to, moved), filepath.Join(from, moved)))
			}
			return err
		}
	}
	return nil
}

// subFolders returns the names of folders in a store, such as that of saved state. The database has none.
func subFolders(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// copyRecords makes a store in another folder of what can be read of one.
func copyRecords(o Options, to string) error {
	from, err := Open(o)
	if err != nil {
		return err
	}
	from.seals.box = nil // sealed records are copied as they are, with the keyring beside them and the Meta record that says so
	target := o
	target.Dir, target.Key, target.MustExist = to, nil, false
	into, err := Open(target)
	if err != nil {
		return errors.Join(err, from.Close())
	}
	err = into.takeAll(from)
	_ = from.Close() // it is damaged, and may say so; nothing was written to it
	return errors.Join(err, into.Close())
}

// takeAll copies what can be read, and then the Meta record, so that the store is the same one.
func (s *Store) takeAll(from *Store) error {
	batch, size := []Mutation{}, 0
	for row, err := range from.Scan(nil) {
		var damage *Damage
		switch {
		case errors.As(err, &damage):
			continue
		case err != nil:
			return err
		case string(row.Key) == string(keyspace.MetaKey()):
			continue
		}
		batch, size = append(batch, Set(row.Key, row.Value)), size+len(row.Key)+len(row.Value)
		if size >= pageBytes {
			if err := s.Apply(batch...).Err(); err != nil {
				return err
			}
			batch, size = batch[:0], 0
		}
	}
	if err := s.Apply(batch...).Err(); err != nil {
		return err
	}
	s.ids.mu.Lock()
	s.ids.mu.meta = from.Meta()
	s.ids.mu.next = s.ids.mu.meta.NextID
	err := s.ids.writeLocked(s, s.ids.mu.next)
	s.ids.mu.Unlock()
	return errors.Join(err, s.Apply().Wait(context.Background()))
}

// linkFiles gives a rebuilt store the files beside the database: salts, the secret. The old store keeps its own.
func linkFiles(dir, rebuilt string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || ofPebble(e.Name()) || e.Type()&fs.ModeSocket != 0 {
			continue
		}
		if err := os.Link(filepath.Join(dir, e.Name()), filepath.Join(rebuilt, e.Name())); err != nil {
			return err
		}
	}
	return syncDir(rebuilt)
}

// ofPebble reports whether a file is the database's.
func ofPebble(name string) bool {
	for _, pattern := range []string{"*.sst", "*.log", "MANIFEST-*", "OPTIONS-*", "marker.*", "LOCK", "CURRENT*", "*.dbtmp", "*.blob"} {
		if match, _ := filepath.Match(pattern, name); match {
			return true
		}
	}
	return false
}

// freeName returns a name that no folder has: name itself, or with a number.
func freeName(name string) (string, error) {
	for n := 1; n < 1000; n++ {
		free := name
		if n > 1 {
			free = fmt.Sprintf("%s-%d", name, n)
		}
		if _, err := os.Lstat(free); errors.Is(err, fs.ErrNotExist) {
			return free, nil
		}
	}
	return "", &base.Error{Sentinel: fs.ErrExist, Message: fmt.Sprintf("there are too many folders %q", name), Hint: "remove those that nobody needs"}
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
