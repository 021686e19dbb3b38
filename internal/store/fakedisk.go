package store

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// FakeDisk is a disk in memory for tests, of this package and of those built on it. It survives the
// stores that are opened on it, can lose what was not synced, and can refuse writes.
type FakeDisk struct {
	memory *vfs.MemFS
	fs     vfs.FS
	writes atomic.Int64
	room   atomic.Int64 // writes left until the disk refuses them
	reason atomic.Pointer[error]
	until  atomic.Int64 // writes left until before is called
	before atomic.Pointer[func()]
}

// NewFakeDisk returns an empty disk with room for everything.
func NewFakeDisk() *FakeDisk { return newFakeDisk(vfs.NewCrashableMem()) }

func newFakeDisk(memory *vfs.MemFS) *FakeDisk {
	d := &FakeDisk{memory: memory}
	d.fs = errorfs.Wrap(memory, errorfs.InjectorFunc(d.inject))
	d.Heal()
	return d
}

// Crash returns a disk as a power cut at this moment could leave it: all that was synced, and of the
// rest the given percentage, picked by random. The disk itself, and a store on it, are left alone.
func (d *FakeDisk) Crash(percent int, random *rand.Rand) *FakeDisk {
	return newFakeDisk(d.memory.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: random}))
}

// FailAfter lets n more operations that write through and refuses all later ones for the reason given,
// such as syscall.ENOSPC.
func (d *FakeDisk) FailAfter(n int64, reason error) {
	d.reason.Store(&reason)
	d.room.Store(n)
}

// Before calls f once: before the operation that writes after n more of them goes through, by whoever does it. f may
// have the disk crash.
func (d *FakeDisk) Before(n int64, f func()) {
	d.before.Store(&f)
	d.until.Store(n)
}

// Heal lets everything through again.
func (d *FakeDisk) Heal() { d.room.Store(1 << 62) }

// Writes returns how many operations that write there were.
func (d *FakeDisk) Writes() int64 { return d.writes.Load() }

func (d *FakeDisk) inject(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsRead {
		return nil
	}
	d.writes.Add(1)
	if f := d.before.Load(); f != nil && d.until.Add(-1) == -1 {
		(*f)()
	}
	if d.room.Add(-1) < 0 {
		return *d.reason.Load()
	}
	return nil
}
