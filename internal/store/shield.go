package store

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// shield stands between Pebble and the disk. It passes everything on until the first write that the
// disk refuses. From then on it leaves the disk as it is: what Pebble writes goes to memory or
// nowhere, and what it reads comes from there or from the disk.
//
// So the disk looks as if the machine had stopped at the refused write, which is what Pebble knows to
// recover from. And Pebble, which on errors of its log and manifest panics, ends the process, or
// retries for ever, never meets one: it goes on in memory, serves reads, and can be closed. Nobody is
// told that a write is safe, because the store asks failure after every sync.
//
// Memory stays bounded: the store refuses writes after the failure, so at most the memtables are
// flushed, and scheduler stops compactions.
type shield struct {
	vfs.FS            // the disk
	ram    *vfs.MemFS // what was written after the failure
	chmod  bool       // take the rights of others away from new files

	log    *slog.Logger
	broken chan struct{} // closed by the first failure, which makes reason valid

	failing sync.Mutex
	reason  error
}

func newShield(disk vfs.FS, dir string, log *slog.Logger) (*shield, error) {
	s := &shield{FS: disk, ram: vfs.NewMem(), chmod: disk == vfs.Default, log: log, broken: make(chan struct{})}
	if err := s.ram.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return s, nil
}

// fail notes the first failure. When it returns, everybody can see that there was one.
func (s *shield) fail(err error) {
	s.failing.Lock()
	defer s.failing.Unlock()
	if s.failed() {
		return
	}
	s.reason = err
	close(s.broken)
	s.log.Error("store: nothing more is written", "reason", damage(err))
}

// refused notes that the disk refused a write, if err says so, and reports whether it did.
func (s *shield) refused(op, name string, err error) bool {
	if err == nil {
		return false
	}
	s.fail(&writeError{op: op, name: filepath.Base(name), err: err})
	return true
}

// failure returns the first failure, or nil. A write that returned before this was called has either
// reached the disk or is behind the failure.
func (s *shield) failure() error {
	if s.failed() {
		return s.reason
	}
	return nil
}

func (s *shield) failed() bool {
	select {
	case <-s.broken:
		return true
	default:
		return false
	}
}

// Unwrap implements vfs.FS.
func (s *shield) Unwrap() vfs.FS { return s.FS }

// MkdirAll implements vfs.FS. Pebble syncs the parents, and would make a folder that all may read.
func (s *shield) MkdirAll(dir string, _ os.FileMode) error { return s.FS.MkdirAll(dir, 0o700) }

// Create implements vfs.FS.
func (s *shield) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if s.failed() || s.refused("sync", filepath.Dir(name), s.before(name)) {
		return s.ram.Create(name, category)
	}
	f, err := s.FS.Create(name, category)
	if s.refused("create", name, err) {
		return s.ram.Create(name, category)
	}
	return s.guard(name, f), nil
}

// before syncs the folder of a file that names another one, so that a power cut cannot keep the name and lose what it
// names: Pebble makes a manifest, syncs its bytes, and makes its marker, and syncs the folder after that only.
func (s *shield) before(name string) error {
	if !strings.HasPrefix(s.FS.PathBase(name), "marker.manifest.") {
		return nil
	}
	folder, err := s.FS.OpenDir(s.FS.PathDir(name))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// ReuseForWrite implements vfs.FS.
func (s *shield) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if s.failed() {
		return s.ram.Create(name, category)
	}
	f, err := s.FS.ReuseForWrite(old, name, category)
	if s.refused("create", name, err) {
		return s.ram.Create(name, category)
	}
	return s.guard(name, f), nil
}

// guard wraps a file that was opened for writing.
func (s *shield) guard(name string, f vfs.File) vfs.File {
	s.private(name)
	return &shieldFile{File: f, shield: s, name: name, table: strings.HasSuffix(name, ".sst")}
}

// private takes the rights of others away from a file. The folder keeps them out already; this is for
// a folder that somebody made more open. Not every file system knows rights, so an error is no matter.
func (s *shield) private(name string) {
	if s.chmod {
		_ = os.Chmod(name, 0o600)
	}
}

// Open implements vfs.FS. Files that are only read are not wrapped: lookups cost what they cost
// without the shield.
func (s *shield) Open(name string, options ...vfs.OpenOption) (vfs.File, error) {
	if s.failed() {
		if f, err := s.ram.Open(name, options...); err == nil {
			return f, nil
		}
	}
	return s.FS.Open(name, options...)
}

// OpenDir implements vfs.FS. What is opened is only ever synced.
func (s *shield) OpenDir(name string) (vfs.File, error) {
	f, err := s.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &shieldFile{File: f, shield: s, name: name}, nil
}

// Stat implements vfs.FS.
func (s *shield) Stat(name string) (vfs.FileInfo, error) {
	if s.failed() {
		if info, err := s.ram.Stat(name); err == nil {
			return info, nil
		}
	}
	return s.FS.Stat(name)
}

// Remove implements vfs.FS. A file that cannot be removed is in nobody's way, so that is no failure.
func (s *shield) Remove(name string) error {
	if !s.failed() {
		return s.FS.Remove(name)
	}
	_ = s.ram.Remove(name)
	return nil
}

// Rename implements vfs.FS. Pebble renames only its options file, which it does not read again.
func (s *shield) Rename(old, name string) error {
	if !s.failed() && !s.refused("rename", old, s.FS.Rename(old, name)) {
		return nil
	}
	_ = s.ram.Rename(old, name)
	return nil
}

// Link implements vfs.FS. Pebble links only tables that it takes in from elsewhere.
func (s *shield) Link(string, string) error { return errors.ErrUnsupported }

// OpenReadWrite implements vfs.FS. Pebble uses it only to try a second disk for its log.
func (s *shield) OpenReadWrite(string, vfs.DiskWriteCategory, ...vfs.OpenOption) (vfs.File, error) {
	return nil, errors.ErrUnsupported
}

// RemoveAll implements vfs.FS. Pebble's own tools use it, and the library does not.
func (s *shield) RemoveAll(string) error { return errors.ErrUnsupported }

// Lock implements vfs.FS. It says ErrLocked where somebody else has the lock.
func (s *shield) Lock(name string) (io.Closer, error) {
	lock, err := s.FS.Lock(name)
	var errno syscall.Errno
	if err != nil && (!errors.As(err, &errno) || errno == syscall.EAGAIN) {
		return nil, errors.Join(ErrLocked, err) // without a number: this very process has it
	}
	s.private(name)
	return lock, err
}
