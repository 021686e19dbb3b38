package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// Open opens the store in o.Dir, or makes one there. Everything acknowledged before a crash or a
// failure is in it.
func Open(o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	disk := o.disk()
	if err := inspect(disk, &o); errors.Is(err, ErrUnsettled) || errors.Is(err, ErrNotFound) {
		return nil, err
	} else if err != nil {
		return nil, unopened(o.Dir, err)
	}
	shield, err := newShield(disk, o.Dir, o.Logger)
	if err != nil {
		return nil, problem(o.Dir, err)
	}
	s := &Store{dir: o.Dir, log: o.Logger, shield: shield, closing: make(chan struct{})}
	s.pressure.init()
	s.close = sync.OnceValue(s.closeOnce)
	if s.db, err = pebble.Open(o.Dir, s.pebbleOptions(&o)); err != nil {
		return nil, s.refusal(err)
	}
	if err := s.begin(&o); err != nil {
		s.seals.release()
		_ = s.db.Close() // err says more
		return nil, err
	}
	return s, nil
}

// begin reads or makes the Meta record and starts the syncer.
func (s *Store) begin(o *Options) error {
	var refused *writeError
	if errors.As(s.shield.failure(), &refused) {
		return s.Err() // Pebble did not notice; see shield
	}
	meta, err := s.readMeta(o)
	if err != nil {
		return problem(s.dir, err)
	}
	if s.seals.ring != nil && !o.ReadOnly && meta.Seal.Generation < s.seals.ring.Generation {
		meta.Seal.Generation = s.seals.ring.Generation // from now on an older keyring is refused
		if err := s.writeMeta(meta); err != nil {
			return problem(s.dir, err)
		}
	}
	s.ids.mu.meta = *meta
	s.ids.mu.next = meta.NextID
	s.syncer = startSyncer(o.FlushInterval, o.FlushBytes, s.sync)
	return nil
}

// refusal says why Pebble did not open: the disk's reason if the disk refused a write, else its own.
func (s *Store) refusal(err error) error {
	switch {
	case s.shield.failed():
		return s.Err()
	case errors.Is(err, pebble.ErrDBDoesNotExist):
		return missing(s.dir)
	}
	return unopened(s.dir, err)
}

// inspect looks at the folder before anything is changed in it.
func inspect(disk vfs.FS, o *Options) error {
	names, err := disk.List(o.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		if o.MustExist {
			return missing(o.Dir)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if err := checkManifest(names); err != nil || !o.ReadOnly {
		return err
	}
	return checkLog(disk, o.Dir, names)
}

// checkLog refuses a log that is long.
func checkLog(disk vfs.FS, dir string, names []string) error {
	size := int64(0)
	for _, name := range names {
		if filepath.Ext(name) != ".log" {
			continue
		}
		info, err := disk.Stat(disk.PathJoin(dir, name))
		if err != nil {
			return err
		}
		size += info.Size()
	}
	if size > readOnlyLog {
		return ErrUnsettled
	}
	return nil
}

// checkManifest finds a store that lost its manifest marker. Pebble would take it for a new one and
// remove its tables.
func checkManifest(names []string) error {
	manifest, tables := false, false
	for _, name := range names {
		manifest = manifest || strings.HasPrefix(name, "marker.manifest.")
		tables = tables || filepath.Ext(name) == ".sst"
	}
	if tables && !manifest {
		return fmt.Errorf("%w: there are tables, but the file marker.manifest.* is missing", ErrCorrupt)
	}
	return nil
}

func missing(dir string) error {
	return dress(ErrNotFound, fs.ErrNotExist, "kvasir run makes a store when it remembers its first answer",
		"store %q does not exist", dir)
}

// readMeta returns the store's Meta record. A store with no record at all is a new one.
func (s *Store) readMeta(o *Options) (*keyspace.Meta, error) {
	key := keyspace.MetaKey()
	value, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return s.makeMeta(key, o)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = closer.Close() }()
	meta, err := keyspace.DecodeMeta(key, value)
	if err != nil {
		return nil, err
	}
	return meta, s.unlock(meta, o)
}

func (s *Store) makeMeta(key []byte, o *Options) (*keyspace.Meta, error) {
	empty, err := s.empty()
	if err != nil {
		return nil, err
	}
	if !empty {
		return nil, &keyspace.CorruptError{Key: key, Field: "value", Reason: "is missing"}
	}
	meta := &keyspace.Meta{Created: o.Now().UnixNano(), NextID: 1}
	if _, err := io.ReadFull(o.Random, meta.Store[:]); err != nil {
		return nil, err
	}
	if err := s.sealNew(meta, o); err != nil {
		return nil, err
	}
	return meta, s.writeMeta(meta)
}

func (s *Store) empty() (bool, error) {
	iter, err := s.db.NewIter(nil)
	if err != nil {
		return false, err
	}
	found := iter.First()
	return !found, errors.Join(iter.Error(), iter.Close())
}
