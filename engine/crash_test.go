package engine

import (
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// thorough is set by who has time.
func thorough() bool { return os.Getenv("KVASIR_EVERY_MOMENT") != "" }

// TestPowerCut_AtAnyWriteOfAnyOperation cuts the power before some write of each operation, again and again on what the
// last cut left. All that was acknowledged is there, nothing is there by half, and every record has an owner.
func TestPowerCut_AtAnyWriteOfAnyOperation(t *testing.T) {
	cuts := 110
	if thorough() {
		cuts = 2000
	}
	w := newCrashWorld(t, 1)
	early := 0
	for n := range cuts {
		if len(w.some(1)) == 0 {
			w.perform(w.remembers())
		}
		op := storeOps[n%len(storeOps)](w)
		if w.cut(op, int64(w.random.IntN(4)), w.random.IntN(101)) {
			early++
		}
	}
	if early < cuts/4 {
		t.Errorf("only %d of %d cuts came before the operation had ended", early, cuts)
	}
	t.Logf("%d of %d cuts came before the operation had ended", early, cuts)
}

func (w *crashWorld) perform(op *storeOp) {
	w.t.Helper()
	e := w.open(w.disk, op)
	if err := errors.Join(op.run(e), e.Close()); err != nil {
		w.t.Fatal(err)
	}
	w.done(op)
}

// cut performs an operation, cuts the power after so many writes, and goes on with what that left. It reports whether
// the operation had not ended by then.
func (w *crashWorld) cut(op *storeOp, writes int64, percent int) bool {
	w.t.Helper()
	random := rand.New(rand.NewPCG(w.random.Uint64(), 1))
	e := w.open(w.disk, op)
	waitFor(w.t, e.states.swept)
	var left *store.FakeDisk
	ended, early := false, false
	crash := func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if left == nil {
			left, early = w.disk.Crash(percent, random), !ended
		}
	}
	w.disk.Before(writes, crash)
	if err := op.run(e); err != nil {
		w.t.Fatalf("%s: %v", op.name, err)
	}
	w.mu.Lock()
	ended = true
	w.mu.Unlock()
	crash()
	if err := e.Close(); err != nil {
		w.t.Fatal(err)
	}
	before := maps.Clone(w.known)
	if !early {
		w.done(op)
	}
	w.known = w.holds(left, before, op, !early)
	w.disk, w.generation = left, op.generation
	return early
}

// TestDiskFull_AtEveryWriteOfEveryOperation lets the disk be full after 0, 1, 2 … writes of each operation. It fails with
// an error that says so, or has been done; the store opens afterwards, with all that was acknowledged.
func TestDiskFull_AtEveryWriteOfEveryOperation(t *testing.T) {
	w := newCrashWorld(t, 2)
	for _, next := range storeOps {
		op := next(w)
		moments := int64(0)
		for w.fill(op, moments) {
			moments++
		}
		if moments < 2 {
			t.Errorf("%s makes %d writes: nothing is proved", op.name, moments)
		}
		t.Logf("%s: full at each of %d writes", op.name, moments)
	}
}

// fill performs an operation on a disk that takes so many writes, and reports whether that was too few.
func (w *crashWorld) fill(op *storeOp, writes int64) bool {
	w.t.Helper()
	disk := w.disk.Crash(0, nil)
	e := w.open(disk, op)
	waitFor(w.t, e.states.swept)
	began := disk.Writes()
	disk.FailAfter(writes, syscall.ENOSPC)
	err := op.run(e)
	if err != nil && (!errors.Is(err, ErrFull) || !errors.Is(err, syscall.ENOSPC) || base.Hint(err) == "") {
		w.t.Fatalf("%s, after %d writes: %v (hint %q); want one that says the disk is full", op.name, writes, err, base.Hint(err))
	}
	if err := e.Close(); err != nil && !errors.Is(err, ErrFull) {
		w.t.Fatalf("%s, after %d writes: closing: %v", op.name, writes, err)
	}
	full := disk.Writes()-began > writes
	disk.Heal()
	for _, left := range []*store.FakeDisk{disk.Crash(0, nil), disk} {
		w.holds(left, w.known, op, err == nil)
	}
	return full
}
