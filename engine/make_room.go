package engine

import "github.com/kvasir-cache/kvasir/internal/blob"

// makeRoom evicts until need bytes more fit into the budget. It reports whether they do.
func (s *states) makeRoom(need int64) bool {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.makeRoomLocked(need)
}

// makeRoomLocked is makeRoom for a caller that holds writing.
func (s *states) makeRoomLocked(need int64) bool {
	now := s.engine.options.Now().UnixNano()
	s.mu.Lock()
	s.expireLeasesLocked(now)
	evicted := s.mu.chunks.evict(s.mu.chunks.bytes + need - s.options.MaxBytes)
	fits := s.mu.chunks.bytes+need <= s.options.MaxBytes
	s.mu.Unlock()
	if len(evicted) == 0 {
		return fits
	}
	s.deleteRecords(evicted, StateEvicted)
	for _, c := range evicted {
		if err := blob.Remove(s.dir, c.key); err != nil {
			s.engine.failed("evict saved state", err) // swept at the next start
		}
	}
	return fits
}
