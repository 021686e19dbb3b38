package store

import "github.com/cockroachdb/pebble/v2/vfs"

// shieldFile is a file on disk that was opened for writing, or a folder.
type shieldFile struct {
	vfs.File
	shield *shield
	name   string
	table  bool
}

// after says what Pebble is told about a write that was skipped or refused. Tables are read back, so
// Pebble must know and write them again, to memory. All else is read only when a store is opened.
func (f *shieldFile) after() error {
	if f.table {
		return f.shield.failure()
	}
	return nil
}

// Write implements vfs.File.
func (f *shieldFile) Write(p []byte) (int, error) {
	size := len(p)
	if f.shield.failed() {
		return size, f.after()
	}
	n, err := f.File.Write(p)
	if f.shield.refused("write", f.name, err) {
		return size, f.after()
	}
	return n, nil
}

// Sync implements vfs.File.
func (f *shieldFile) Sync() error { return f.do("sync", f.File.Sync) }

// SyncData implements vfs.File.
func (f *shieldFile) SyncData() error { return f.do("sync", f.File.SyncData) }

// SyncTo implements vfs.File.
func (f *shieldFile) SyncTo(length int64) (full bool, err error) {
	err = f.do("sync", func() error {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}

// Close implements vfs.File. The file is closed in any case.
func (f *shieldFile) Close() error {
	if f.shield.failed() {
		_ = f.File.Close()
		return f.after()
	}
	return f.do("close", f.File.Close)
}

// Preallocate implements vfs.File. It is a wish, and Pebble goes on without it.
func (f *shieldFile) Preallocate(offset, length int64) error {
	if f.shield.failed() {
		return nil
	}
	return f.File.Preallocate(offset, length)
}

func (f *shieldFile) do(op string, write func() error) error {
	if f.shield.failed() || f.shield.refused(op, f.name, write()) {
		return f.after()
	}
	return nil
}
