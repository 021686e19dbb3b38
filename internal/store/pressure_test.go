package store

import (
	"context"
	"errors"
	"syscall"
	"testing"
)

// An Apply that is held up because the tables lie too deep goes on when they do not any more, when the
// store is closed, and when it fails.
func TestApply_HeldUpByAFloodIsLetGo(t *testing.T) {
	for _, c := range []struct {
		name  string
		letGo func(s *Store, disk *FakeDisk)
		want  error
	}{
		{"compacted", func(s *Store, _ *FakeDisk) { s.pressure.changed() }, nil},
		{"closed", func(s *Store, _ *FakeDisk) { _ = s.Close() }, nil},
		{"failed", func(s *Store, disk *FakeDisk) {
			disk.FailAfter(0, syscall.ENOSPC)
			_ = s.sync()
		}, ErrFull},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := NewFakeDisk()
			s := mustOpen(t, Options{Dir: "db", Disk: disk})
			s.pressure.stale.Store(false)
			s.pressure.depth.Store(slowDepth)
			held := make(chan *Receipt)
			entered := make(chan struct{})
			go func() {
				close(entered)
				held <- s.Apply(Set([]byte("e1"), nil))
			}()
			<-entered
			c.letGo(s, disk)
			err := (<-held).Wait(context.Background())
			if !errors.Is(err, c.want) && !errors.Is(err, ErrClosed) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}
