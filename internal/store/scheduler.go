package store

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// scheduler decides when Pebble may compact: as often as Pebble likes until the store has failed, and
// never after. Pebble's own would try a failed compaction again at once, for ever.
//
// Pebble calls TrySchedule and UpdateGetAllowedWithoutPermission with its lock held, and the methods
// of pebble.DBForCompaction take that lock. So mu is a leaf and is not held when Pebble is called;
// granting keeps Unregister from returning while Pebble is being called.
type scheduler struct {
	stopped func() bool
	db      pebble.DBForCompaction // set once by Register, before every other call

	granting sync.Mutex
	mu       struct {
		sync.Mutex
		running int
		closed  bool
		refused bool // by the last reserve
	}
}

var _ pebble.CompactionScheduler = (*scheduler)(nil)

func (s *scheduler) Register(_ int, db pebble.DBForCompaction) { s.db = db }

func (s *scheduler) Unregister() {
	s.mu.Lock()
	s.mu.closed = true
	s.mu.Unlock()
	s.granting.Lock() // waits for a grant under way
	defer s.granting.Unlock()
}

func (s *scheduler) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	if !s.reserve() {
		return false, nil
	}
	return true, grant{s}
}

// UpdateGetAllowedWithoutPermission says that more compactions may run now. They start when the
// next one ends; with one at a time, and a second one under a backlog, that is soon enough.
func (s *scheduler) UpdateGetAllowedWithoutPermission() {}

// reserve counts one more running compaction, if it may run.
func (s *scheduler) reserve() bool {
	allowed := s.db.GetAllowedWithoutPermission() // takes no lock
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.refused = s.mu.closed || s.mu.running >= allowed || s.stopped()
	if s.mu.refused {
		return false
	}
	s.mu.running++
	return true
}

func (s *scheduler) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.running--
}

// offer gives the room that a finished compaction left to the ones that were turned away.
func (s *scheduler) offer() {
	s.granting.Lock()
	defer s.granting.Unlock()
	for s.reserve() {
		if waiting, _ := s.db.GetWaitingCompaction(); waiting && s.db.Schedule(grant{s}) {
			continue
		}
		if !s.giveUp() {
			return
		}
	}
}

// giveUp gives back a reservation for which nobody was found. It reports whether somebody was turned away because of
// it since, who would wait for ever.
func (s *scheduler) giveUp() (again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.running--
	return s.mu.refused
}

// grant is the permission to run one compaction.
type grant struct{ s *scheduler }

func (grant) Started()                                          {}
func (grant) MeasureCPU(pebble.CompactionGoroutineKind)         {}
func (grant) CumulativeStats(pebble.CompactionGrantHandleStats) {}

// Done is called without Pebble's lock.
func (g grant) Done() {
	g.s.release()
	g.s.offer()
}
