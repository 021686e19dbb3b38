package store

import (
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// pickyDB wants a compaction at the very moment it is asked whether one waits, and has said no.
type pickyDB struct {
	asks      func()
	scheduled int
	waiting   bool
}

func (d *pickyDB) GetAllowedWithoutPermission() int { return 1 }

func (d *pickyDB) GetWaitingCompaction() (bool, pebble.WaitingCompaction) {
	waiting := d.waiting
	if !waiting {
		d.asks()
	}
	return waiting, pebble.WaitingCompaction{}
}

func (d *pickyDB) Schedule(pebble.CompactionGrantHandle) bool {
	d.waiting = false
	d.scheduled++
	return true
}

func TestScheduler_ForgetsNobodyWhoIsTurnedAwayWhileItLooks(t *testing.T) {
	s := &scheduler{stopped: func() bool { return false }}
	db := &pickyDB{}
	s.Register(1, db)
	ok, first := s.TrySchedule()
	if !ok {
		t.Fatal("the first compaction may not run")
	}
	turnedAway := false
	db.asks = func() {
		if ok, _ := s.TrySchedule(); !ok {
			turnedAway, db.waiting = true, true
		}
	}
	first.Done()
	if !turnedAway || db.scheduled != 1 {
		t.Errorf("turned away: %v; %d compactions were scheduled, want 1", turnedAway, db.scheduled)
	}
}

func TestScheduler_StartsNothingWhenTheStoreHasFailed(t *testing.T) {
	failed := false
	s := &scheduler{stopped: func() bool { return failed }}
	db := &pickyDB{waiting: true}
	s.Register(1, db)
	_, first := s.TrySchedule()
	failed = true
	first.Done()
	if ok, _ := s.TrySchedule(); ok || db.scheduled != 0 {
		t.Errorf("a compaction runs: %v; %d scheduled", ok, db.scheduled)
	}
}
