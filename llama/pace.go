//go:build llama

package llama

import (
	"math/bits"
	"time"
)

const (
	// paceRows is the size from which a batch always gets all threads: its operations are long.
	paceRows = 32
	// paceTries is how often a number of threads is tried; the shortest time counts, since others use the machine too.
	paceTries = 3
	// paceUses is after how many batches it is tried again: the machine and the sequences may have changed.
	paceUses = 500
)

// pace chooses how many threads decode a small batch. They meet after every operation, which in a small model takes
// longer than the operation itself, and in a large one does not; where that turns hangs on the machine and on who
// else uses it. So each number of threads is tried and the fastest stays. Without flash attention the number does
// not change what is computed, see docs/decisions/0013.
type pace struct {
	all   int
	sizes [5]trial // by the number of bits of the number of rows
}

// trial finds the number of threads for batches of about one size. It tries all, then half of them, and goes on
// halving while that does not get slower.
type trial struct {
	threads int // tried, or chosen
	tries   int // that are done; of the chosen one, uses since
	took    time.Duration
	best    int           // 0 before one has been tried
	least   time.Duration // that best took
	chosen  bool
}

// of returns the trial for a batch of so many rows, or nil if that gets all threads. p may be nil.
func (p *pace) of(rows int) *trial {
	if p == nil || p.all == 1 || rows >= paceRows || rows == 0 {
		return nil
	}
	t := &p.sizes[bits.Len(uint(rows))-1]
	if t.threads == 0 {
		*t = trial{threads: p.all}
	}
	return t
}

// done takes in how long a batch took by t.threads.
func (t *trial) done(took time.Duration) {
	if t.tries == 0 || took < t.took {
		t.took = took
	}
	if t.tries++; t.chosen && t.tries >= paceUses {
		*t = trial{}
	} else if !t.chosen && t.tries == paceTries {
		t.judge()
	}
}

// judge goes on to fewer threads, or chooses.
func (t *trial) judge() {
	slower := t.best != 0 && t.took > t.least
	if !slower {
		t.best, t.least = t.threads, t.took
	}
	t.tries = 0
	if slower || t.threads == 1 {
		t.threads, t.chosen = t.best, true
		return
	}
	t.threads /= 2
}
