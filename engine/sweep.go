package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kvasir-cache/kvasir/internal/blob"
)

// sweep brings files and records together, once, after a start: a crash may have left a file without its
// record, and somebody may have removed files.
func (s *states) sweep() {
	files, err := blob.List(s.dir)
	if err != nil {
		s.engine.failed("sweep saved state", err)
		return
	}
	s.mu.Lock()
	var orphans, lost []blob.Key
	for key := range files {
		if s.mu.chunks.byKey[key] == nil {
			orphans = append(orphans, key)
		}
	}
	for key := range s.mu.chunks.byKey {
		if !files[key] {
			lost = append(lost, key)
		}
	}
	s.mu.Unlock()
	for _, key := range orphans {
		s.sweepOrphan(key)
	}
	for _, key := range lost {
		s.sweepLost(key)
	}
}

// sweepOrphan removes a file that has no record, unless it has got one meanwhile.
func (s *states) sweepOrphan(key blob.Key) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	known := s.mu.chunks.byKey[key] != nil
	s.mu.Unlock()
	if known || s.closing() {
		return
	}
	if err := blob.Remove(s.dir, key); err != nil {
		s.engine.failed("sweep saved state", err)
		return
	}
	s.engine.totals.add(stateOrphans, 1)
}

// sweepLost removes the record of a file that is gone, unless it is back.
func (s *states) sweepLost(key blob.Key) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closing() {
		return
	}
	if _, err := os.Lstat(blob.Path(s.dir, key)); errors.Is(err, fs.ErrNotExist) {
		s.dropLocked(key, StateLost)
	}
}

// dropLocked removes a chunk of which the file is gone or goes, and its record. The caller holds writing. It
// reports whether there was one.
func (s *states) dropLocked(key blob.Key, cause string) bool {
	s.mu.Lock()
	c := s.mu.chunks.byKey[key]
	if c != nil {
		s.mu.chunks.remove(c)
	}
	s.mu.Unlock()
	if c == nil {
		return false
	}
	s.deleteRecords([]*chunk{c}, cause)
	return true
}

// deleteRecords removes the records of chunks that are no longer known, and tells. What cannot be removed is
// a record without a file at the next start.
func (s *states) deleteRecords(gone []*chunk, cause string) {
	e := s.engine
	e.changing.Lock()
	defer e.changing.Unlock()
	var change change
	for _, c := range gone {
		change.deleteChunk(c.key)
	}
	change.count(stateRemoved[cause], int64(len(gone)))
	if _, err := e.applyLocked(&change); err != nil {
		e.failed("remove saved state", err)
	}
	if e.options.Events.StateRemoved == nil {
		return
	}
	for _, c := range gone {
		e.options.Events.StateRemoved(StateRemoveInfo{Key: fmt.Sprintf("%x", c.key), Cause: cause, Bytes: c.bytes})
	}
}
