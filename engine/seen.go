package engine

import (
	"time"

	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// Bounds of what is kept of chunks that were computed and not saved.
const (
	mostSeen  = 16_384
	seenFor   = 7 * 24 * time.Hour
	seenAtOne = 256 // chunks of one prompt
)

// seen remembers the keys of chunks that were computed and not saved, since they were cheap: what comes a
// second time is worth saving. It knows no lock.
type seen struct {
	when  map[blob.Key]int64
	order []blob.Key // oldest first; some may be gone from when
	dirty map[blob.Key]bool
}

func (s *seen) has(key blob.Key) bool { return s.when[key] != 0 }

func (s *seen) add(key blob.Key, now int64) {
	if s.when == nil {
		s.when, s.dirty = map[blob.Key]int64{}, map[blob.Key]bool{}
	}
	if s.when[key] == 0 {
		s.order = append(s.order, key)
	}
	s.when[key] = now
	s.dirty[key] = true
	for len(s.when) > mostSeen {
		s.forget(s.order[0])
		s.order = s.order[1:]
	}
	if len(s.order) > 2*mostSeen {
		s.tidy()
	}
}

func (s *seen) forget(key blob.Key) {
	if s.when[key] != 0 {
		delete(s.when, key)
		s.dirty[key] = true
	}
}

// tidy takes the keys that are gone out of the order.
func (s *seen) tidy() {
	kept := s.order[:0:0]
	for _, key := range s.order {
		if s.has(key) {
			kept = append(kept, key)
		}
	}
	s.order = kept
}

// stage adds what changed to a change.
func (s *seen) stage(c *change) {
	for key := range s.dirty {
		name := keyspace.SeenKey(key)
		if when := s.when[key]; when != 0 {
			c.set(name, keyspace.EncodeSeen(name, when))
		} else {
			c.delete(name)
		}
	}
	clear(s.dirty)
}

// loadSeenLocked reads what was seen. What is too old, too much or damaged goes.
func (s *states) loadSeenLocked(now int64) error {
	for row, err := range s.engine.store.Walk(keyspace.SeenPrefix()) {
		if err != nil {
			return err
		}
		key, err := keyspace.ParseSeenKey(row.Key)
		if err != nil {
			continue
		}
		when, err := keyspace.DecodeSeen(row.Key, row.Value)
		s.mu.seen.add(key, max(1, when))
		if err != nil || now-when > int64(seenFor) {
			s.mu.seen.forget(key)
		} else {
			delete(s.mu.seen.dirty, key)
		}
	}
	return nil
}
