package engine

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/store"
)

// TestCompact_APowerCutLeavesWholeEntries cuts the power while entries come and go: what is there has all that belongs
// to it, and the counts agree with it.
func TestCompact_APowerCutLeavesWholeEntries(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	disk := store.NewFakeDisk()
	for round := range 8 {
		e := openEngine(t, Options{Dir: "db", disk: disk, MaxEntries: 40})
		for i := range 60 + 7*round {
			receipt, err := e.Remember(t.Context(), ask(fmt.Sprint(round, " ", i)), answered("answer"))
			if err != nil {
				t.Fatal(err)
			}
			if i%20 == 19 {
				if err := receipt.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		disk = disk.Crash(random.IntN(101), random)
		_ = e.Close()
		e = openEngine(t, Options{Dir: "db", disk: disk, MaxEntries: 40})
		noOrphans(t, e)
		if size := e.holds().entries; size > 40 {
			t.Errorf("round %d: %d entries, more than 40", round, size)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCompact_AFullDiskIsNoFailureOfTheCaller lets the disk refuse writes while room is made.
func TestCompact_AFullDiskIsNoFailureOfTheCaller(t *testing.T) {
	disk := store.NewFakeDisk()
	e := openEngine(t, Options{Dir: "db", disk: disk, MaxEntries: 5})
	for i := range 5 {
		remember(t, e, ask(fmt.Sprint(i)), "answer")
	}
	disk.FailAfter(0, syscall.ENOSPC)
	for i := range 5 {
		_, _ = e.Remember(t.Context(), ask(fmt.Sprint("more", i)), answered("answer"))
	}
	if err := e.needLedger(); err != nil {
		t.Fatal(err)
	}
	if rows, counted := len(e.ledger.live()), e.totals.get(entries); int64(rows) != counted {
		t.Errorf("%d in the ledger, %d counted", rows, counted)
	}
}
