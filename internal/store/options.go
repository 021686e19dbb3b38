package store

import (
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/seal"
)

// Options say where the store is and how it writes. The zero value of a field means its default.
type Options struct {
	// Dir is the folder of the store; it is made with mode 0700 if missing. Needed unless Memory is set.
	Dir string
	// Memory keeps everything in memory; Close forgets it.
	Memory bool
	// MustExist makes Open fail with ErrNotFound where there is no store yet, and make nothing.
	MustExist bool
	// ReadOnly changes nothing in the folder but its lock, which takes a fraction of the time. Writes fail, and a
	// store whose log would first have to be worked off is not opened: ErrUnsettled. It implies MustExist.
	ReadOnly bool

	// Key opens a store that is sealed, and seals one that is made. A store that is not sealed is refused with a key, one
	// that is without. A store in memory takes no key.
	Key *seal.Key

	// FlushInterval is how long an applied mutation may wait for its sync; 0 means 250 ms.
	FlushInterval time.Duration
	// FlushBytes is how many bytes of keys and values may wait for a sync; 0 means 1 MiB.
	FlushBytes int

	Logger *slog.Logger     // nil means silence; Pebble's reports go to levels debug and warn
	Now    func() time.Time // nil means time.Now; dates a new store
	Random io.Reader        // nil means crypto/rand; names a new store

	// Disk replaces the operating system's file system in tests.
	Disk *FakeDisk

	goal keyspace.SealGoal     // of a Mover
	tune func(*pebble.Options) // for tests of this package: smaller tables, so that little data makes many
}

func (o Options) withDefaults() (Options, error) {
	var problems []error
	if o.FlushInterval < 0 {
		problems = append(problems, errors.New("flush interval must not be negative"))
	}
	if o.FlushBytes < 0 {
		problems = append(problems, errors.New("flush bytes must not be negative"))
	}
	if o.Dir == "" && !o.Memory {
		problems = append(problems, errors.New("folder of the store is not given"))
	}
	o.MustExist = o.MustExist || o.ReadOnly
	if o.Memory && o.Dir == "" {
		o.Dir = "memory"
	}
	if o.FlushInterval == 0 {
		o.FlushInterval = 250 * time.Millisecond
	}
	if o.FlushBytes == 0 {
		o.FlushBytes = 1 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	return o, errors.Join(problems...)
}

// disk returns the file system under the store.
func (o *Options) disk() vfs.FS {
	switch {
	case o.Disk != nil:
		return o.Disk.fs
	case o.Memory:
		return vfs.NewMem()
	}
	return vfs.Default
}
