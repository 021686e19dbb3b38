package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// A history that opens, writes enough for flushes and compactions, and closes is run again and again,
// and each time the disk is full a few writes later. Whatever the moment: no panic, no hang, the right
// error, reads go on, and the disk opens again with all that was acknowledged.
func TestDiskFull_AtEveryMomentLosesNothingAcknowledged(t *testing.T) {
	whole := NewFakeDisk()
	runHistory(t, whole)
	total := whole.Writes()
	if total < 100 { // how many it is hangs on when Pebble compacts
		t.Fatalf("the history makes %d writes; too few to mean something", total)
	}
	step := int64(7) // a prime, to meet the steps of a repeated pattern at different places
	if os.Getenv("KVASIR_EVERY_MOMENT") != "" {
		step = 1
	}
	for n := int64(0); n < total; n += step {
		checkDiskFull(t, n)
	}
}

func checkDiskFull(t *testing.T, room int64) {
	t.Helper()
	disk := NewFakeDisk()
	disk.FailAfter(room, syscall.ENOSPC)
	acked := runHistory(t, disk)
	disk.Heal()
	for _, again := range []*FakeDisk{disk.Crash(0, nil), disk.Crash(50, rand.New(rand.NewPCG(1, uint64(room)))), disk} {
		s, err := Open(Options{Dir: "db", Disk: again, tune: small})
		if err != nil {
			t.Fatalf("after %d writes: the store does not open again: %v", room, err)
		}
		for i := range acked {
			wantValue(t, s, historyKey(i), historyValue(i))
			wantValue(t, s, "twin-"+historyKey(i), historyValue(i))
		}
		if t.Failed() {
			t.Fatalf("after %d writes: acknowledged mutations are lost", room)
		}
		must(t, s.Close())
	}
}

const historyBatches = 60

func historyKey(i int) string   { return fmt.Sprintf("e%03d", i) }
func historyValue(i int) string { return strings.Repeat(string(rune('a'+i%26)), 2000) }

// runHistory returns how many batches were acknowledged. Each batch holds two keys.
func runHistory(t *testing.T, disk *FakeDisk) (acked int) {
	t.Helper()
	s, err := Open(Options{Dir: "db", Disk: disk, tune: small})
	if err != nil {
		wantFull(t, err)
		return 0
	}
	defer func() {
		if err := s.Close(); err != nil {
			wantFull(t, err)
		}
	}()
	for i := range historyBatches {
		key, value := historyKey(i), []byte(historyValue(i))
		err := s.Apply(Set([]byte(key), value), Set([]byte("twin-"+key), value)).Wait(context.Background())
		if err != nil {
			wantFull(t, err)
			wantReadable(t, s, acked)
			return acked
		}
		acked++
	}
	return acked
}

func wantReadable(t *testing.T, s *Store, n int) {
	t.Helper()
	for i := range n {
		wantValue(t, s, historyKey(i), historyValue(i))
	}
	wantFull(t, s.Apply(Set([]byte("late"), nil)).Wait(context.Background()))
	wantFull(t, s.Err())
	select {
	case <-s.Failed():
	default:
		t.Error("the store has failed, but does not say so")
	}
}

func wantFull(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrFull) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v, want ErrFull because of ENOSPC", err)
	}
	if base.Hint(err) == "" || !contains(err.Error(), `store "db": the disk is full: `) {
		t.Fatalf("got %q with hint %q, want folder, reason and hint", err, base.Hint(err))
	}
}

// Pebble stops its writers when flushes do not keep up. A flush that can never succeed must not keep
// them, and Close, waiting for ever.
func TestDiskFull_FreesWritersInAFlood(t *testing.T) {
	disk := NewFakeDisk()
	s := mustOpen(t, Options{Dir: "db", Disk: disk, FlushInterval: time.Hour, tune: small})
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; !stop.Load(); i++ {
			if i == 200 {
				disk.FailAfter(0, syscall.ENOSPC)
			}
			s.Apply(Set(fmt.Appendf(nil, "e%d", i), make([]byte, 4000)))
		}
	}()
	<-s.Failed()
	stop.Store(true)
	<-done
	wantFull(t, s.Close())
}

func TestFailure_ReachesReceiptsThatWait(t *testing.T) {
	disk := NewFakeDisk()
	s := mustOpen(t, Options{Dir: "db", Disk: disk, FlushInterval: time.Hour})
	waiting := s.Apply(Set([]byte("e1"), []byte("one")))
	disk.FailAfter(0, syscall.ENOSPC)
	wantFull(t, waiting.Wait(context.Background()))
	wantValue(t, s, "e1", "one")
	wantFull(t, s.Close())
	wantFull(t, s.Close())
}

// Whatever Pebble thinks is the end of the process is the end of writing.
func TestFatal_EndsTheStoreAndNotTheProcess(t *testing.T) {
	var log bytes.Buffer
	quiet := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
	s := mustOpen(t, Options{Memory: true, Logger: quiet})
	s.Apply(Set([]byte("e1"), []byte("one")))
	pebbleLog{s}.Fatalf("no way on from %d", 7)
	if err := s.Apply(Set([]byte("e2"), nil)).Wait(context.Background()); err == nil || !contains(err.Error(), "no way on from 7") {
		t.Errorf("got %v, want the reason", err)
	}
	wantValue(t, s, "e1", "one")
	_ = s.Close()
	if got := log.String(); !contains(got, "pebble: no way on from 7") || !contains(got, "nothing more is written") {
		t.Errorf("log: got %q, want what Pebble said and what follows from it", got)
	}
}
