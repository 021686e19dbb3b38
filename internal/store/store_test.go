package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

func TestStore_KeepsWhatWasAcknowledged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kvasir.db")
	s := mustOpen(t, Options{Dir: dir})
	first := s.Meta()
	must(t, s.Apply(Set([]byte("e1"), []byte("one")), Set([]byte("e2"), []byte("two"))).Wait(context.Background()))
	must(t, s.Apply(Delete([]byte("e2"))).Wait(context.Background()))
	must(t, s.Close())

	s = mustOpen(t, Options{Dir: dir, MustExist: true})
	if meta := s.Meta(); meta.Store != first.Store || meta.Created != first.Created {
		t.Errorf("meta: got %+v, want store and time of %+v", meta, first)
	}
	wantValue(t, s, "e1", "one")
	wantNone(t, s, "e2")
}

func TestApply_IsVisibleBeforeItIsSynced(t *testing.T) {
	s := mustOpen(t, Options{Memory: true, FlushInterval: time.Hour})
	receipt := s.Apply(Set([]byte("e1"), []byte("one")))
	wantValue(t, s, "e1", "one")
	select {
	case <-receipt.Done():
		t.Error("the receipt is done an hour early")
	default:
	}
	must(t, receipt.Wait(context.Background()))
	if err := receipt.Err(); err != nil {
		t.Error(err)
	}
}

func TestApply_SyncsByItself(t *testing.T) {
	byTime := mustOpen(t, Options{Memory: true, FlushInterval: time.Millisecond})
	<-byTime.Apply(Set([]byte("e1"), nil)).Done()

	bySize := mustOpen(t, Options{Memory: true, FlushInterval: time.Hour, FlushBytes: 1000})
	small := bySize.Apply(Set([]byte("e1"), nil))
	<-bySize.Apply(Set([]byte("e2"), make([]byte, 1000))).Done()
	<-small.Done()

	byClose := mustOpen(t, Options{Memory: true, FlushInterval: time.Hour})
	receipt := byClose.Apply(Set([]byte("e1"), nil))
	must(t, byClose.Close())
	must(t, receipt.Wait(context.Background()))
}

func TestApply_WithoutMutationsWaitsForTheOnesBefore(t *testing.T) {
	disk := NewFakeDisk()
	s := mustOpen(t, Options{Dir: "db", Disk: disk, FlushInterval: time.Hour})
	s.Apply(Set([]byte("e1"), []byte("one")))
	must(t, s.Apply().Wait(context.Background()))
	wantValue(t, mustOpen(t, Options{Dir: "db", Disk: disk.Crash(0, nil)}), "e1", "one")
}

func TestReceipt_WaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := &Receipt{group: &group{done: make(chan struct{})}}
	if err := r.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := r.Err(); err != nil {
		t.Errorf("got %v of an open receipt, want nil", err)
	}
}

func TestApply_RefusesWhatWouldHarmTheStore(t *testing.T) {
	s := mustOpen(t, Options{Memory: true})
	for name, r := range map[string]*Receipt{
		"meta":    s.Apply(Delete(keyspace.MetaKey())),
		"too big": s.Apply(Set([]byte("e1"), make([]byte, maxBatch))),
	} {
		if err := r.Wait(context.Background()); !errors.Is(err, base.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	wantNone(t, s, "e1")
}

func TestApply_CopiesWhatItIsGiven(t *testing.T) {
	s := mustOpen(t, Options{Memory: true})
	key, value := []byte("e1"), []byte("one")
	s.Apply(Set(key, value))
	copy(key, "xx")
	copy(value, "xxx")
	wantValue(t, s, "e1", "one")
}

func TestView_LendsTheValueAndReturnsTheError(t *testing.T) {
	s := mustOpen(t, Options{Memory: true})
	s.Apply(Set([]byte("e1"), []byte("one")))
	sentinel := errors.New("seen")
	err := s.View([]byte("e1"), func(value []byte) error {
		if string(value) != "one" {
			t.Errorf("got %q, want %q", value, "one")
		}
		return sentinel
	})
	if !errors.Is(err, sentinel) {
		t.Errorf("got %v, want the error of the function", err)
	}
}

func TestNextID_NeverRepeats(t *testing.T) {
	disk := NewFakeDisk()
	seen := map[keyspace.ID]bool{}
	next := func(s *Store) keyspace.ID {
		t.Helper()
		id, err := s.NextID()
		must(t, err)
		if seen[id] || id == 0 {
			t.Fatalf("id %d was given out before, or is 0", id)
		}
		seen[id] = true
		return id
	}
	s := mustOpen(t, Options{Dir: "db", Disk: disk})
	for range 3 * idBlock / 2 {
		next(s)
	}
	must(t, s.Apply(Set(keyspace.EntryKey(next(s)), nil)).Wait(context.Background()))
	crashed := mustOpen(t, Options{Dir: "db", Disk: disk.Crash(0, nil)})
	last := next(crashed)
	must(t, crashed.Close())
	must(t, s.Close())

	if again := next(mustOpen(t, Options{Dir: "db", Disk: disk})); again > last {
		t.Errorf("after a clean close the ids go on at %d; the unused ones before %d are lost", again, last)
	}
}

func TestClose_EndsEverythingAndMayBeRepeated(t *testing.T) {
	s := mustOpen(t, Options{Memory: true})
	must(t, s.Close())
	must(t, s.Close())
	_, getErr := s.Get([]byte("e1"))
	_, idErr := s.NextID()
	_, _, pageErr := s.Page(nil, nil, 0)
	for name, err := range map[string]error{
		"Get": getErr, "NextID": idErr, "Page": pageErr,
		"View":  s.View([]byte("e1"), func([]byte) error { return nil }),
		"Apply": s.Apply(Set([]byte("e1"), nil)).Wait(context.Background()),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: got %v, want ErrClosed", name, err)
		}
	}
	if m := s.Metrics(); m != (Metrics{}) {
		t.Errorf("Metrics: got %+v, want zero", m)
	}
}

// A view that calls the store while it is being closed must not wait for the Close that waits for it.
func TestClose_WaitsForAViewThatCallsTheStore(t *testing.T) {
	s := mustOpen(t, Options{Memory: true})
	s.Apply(Set([]byte("e1"), nil))
	closed := make(chan error)
	err := s.View([]byte("e1"), func([]byte) error {
		go func() { closed <- s.Close() }()
		<-s.closing
		for {
			if _, err := s.Get([]byte("e1")); err != nil {
				return err
			}
		}
	})
	if !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	must(t, <-closed)
}

func TestMetrics_CountWhatIsThere(t *testing.T) {
	s := mustOpen(t, Options{Dir: filepath.Join(t.TempDir(), "db")})
	must(t, s.Apply(Set([]byte("e1"), make([]byte, 100_000))).Wait(context.Background()))
	m := s.Metrics()
	if m.LogBytes == 0 || m.DiskBytes < m.LogBytes || m.MemoryBytes < 100_000 {
		t.Errorf("got %+v, want a log, the disk to hold it, and memory for 100,000 bytes", m)
	}
}

func TestOpen_MakesPrivateFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "db")
	must(t, mustOpen(t, Options{Dir: dir}).Close())
	info, err := os.Stat(dir)
	must(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("folder: got mode %v, want 0700", info.Mode().Perm())
	}
	files, err := os.ReadDir(dir)
	must(t, err)
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: got mode %v, %v, want none for others", f.Name(), info.Mode().Perm(), err)
		}
	}
}

func TestOptions_ReportEveryProblemTogether(t *testing.T) {
	_, err := Open(Options{FlushInterval: -1, FlushBytes: -1})
	for _, want := range []string{"flush interval", "flush bytes", "folder"} {
		if err == nil || !contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}

func ExampleStore_Apply() {
	s, err := Open(Options{Memory: true})
	if err != nil {
		panic(err)
	}
	defer s.Close()
	receipt := s.Apply(Set([]byte("k"), []byte("v")))
	value, err := s.Get([]byte("k"))
	fmt.Printf("%s %v\n", value, err)
	fmt.Println("safe:", receipt.Wait(context.Background()) == nil)
	// Output:
	// v <nil>
	// safe: true
}
