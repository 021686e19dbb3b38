package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// Settled says what became of a lease.
type Settled struct {
	Saved int // chunks that were saved
	// Recompute is set if prompt and answer are worth reading once more, to save their state.
	Recompute bool
}

// Settle ends a lease with what the host reports. What cannot be used is put aside, and what the host saved is
// kept if it is worth it, and if save is set. The temporary files are gone when it returns. An error means that
// the lease had ended before, or that the engine is closed; failures of the disk are counted and logged.
func (e *Engine) Settle(ctx context.Context, id uint64, r *base.StateReport, save bool) (*Settled, error) {
	if r == nil {
		r = &base.StateReport{}
	}
	s := e.states
	var temps []string
	for _, saved := range r.Saved {
		temps = append(temps, saved.Temp)
	}
	defer blob.Discard(s.dir, temps) // those that are left
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	l, err := s.take(id)
	if err != nil {
		return nil, err
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.releaseLocked(id)
	}()
	if s.closing() {
		return nil, ErrClosed
	}
	s.account(l, r)
	s.putAside(l, r.Bad)
	if r.Trouble != "" {
		e.totals.add(stateTrouble, 1)
		e.options.Logger.Warn("state was not saved", "reason", r.Trouble) // it may be when the prompt comes again
		e.tell("save state", errors.New(r.Trouble))
	}
	if !save {
		e.totals.add(stateWithheld, int64(len(r.Saved)))
		return &Settled{}, nil
	}
	out := &Settled{Saved: s.commit(l, s.worth(l, r))}
	out.Recompute = s.options.Answers == AnswersRecompute && !l.query.Recompute && s.whole(l, r)
	return out, nil
}

// account counts what a lease brought.
func (s *states) account(l *lease, r *base.StateReport) {
	t, now, restored := &s.engine.totals, s.engine.options.Now().UnixNano(), 0
	var cost int64
	s.mu.Lock()
	for _, c := range l.chunks {
		if restored += c.tokens; restored <= r.Restored {
			s.useLocked(c, now)
			cost += c.cost.Microseconds()
		}
	}
	s.mu.Unlock()
	if l.query.Recompute {
		t.add(stateRecomputed, 1)
		return
	}
	t.add(stateLeases, 1)
	t.add(stateComputed, int64(r.Computed))
	if r.Restored > 0 {
		t.add(stateResumed, 1)
		t.add(stateRestored, int64(r.Restored))
		t.add(stateRestoreMicros, r.Restore.Microseconds())
		t.add(savedMicros, cost-r.Restore.Microseconds())
		if r.Origin == base.OriginDecode {
			t.add(stateResumedDecoded, 1)
		}
	}
}

// putAside quarantines chunks that could not be used.
func (s *states) putAside(l *lease, bad []base.BadChunk) {
	s.writing.Lock()
	defer s.writing.Unlock()
	for _, b := range bad {
		if !slices.ContainsFunc(l.chunks, func(c *chunk) bool { return c.key == b.Key }) {
			continue // nobody asked for it
		}
		cause := StateDamaged
		if _, err := os.Lstat(blob.Path(s.dir, b.Key)); errors.Is(err, fs.ErrNotExist) {
			cause = StateLost
		}
		if s.dropLocked(b.Key, cause) {
			s.engine.report("restore state", fmt.Errorf("chunk %x: %s", b.Key[:4], b.Reason))
			if err := blob.Quarantine(s.dir, b.Key); err != nil {
				s.engine.failed("quarantine saved state", err)
			}
		}
	}
}

// worth returns which new chunks are to be kept, parents before children.
func (s *states) worth(l *lease, r *base.StateReport) (kept []base.SavedChunk) {
	copies := s.copies(l, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.engine.options.Now().UnixNano()
	first := l.query.Recompute || r.Prefill >= s.options.MinPrefill && !copies
	ends := map[blob.Key]int{l.seed: 0} // where the next chunk begins
	for _, c := range r.Saved {
		if p := s.mu.chunks.byKey[c.Parent]; p != nil {
			ends[c.Parent] = p.from + p.tokens
		}
		if end, ok := ends[c.Parent]; !ok || end != c.From || !sound(&c) {
			s.engine.totals.add(stateRefused, 1)
			continue
		}
		answer := c.From+len(c.Tokens) > len(l.query.Tokens)
		old := s.mu.chunks.byKey[c.Key]
		switch {
		case old != nil && (old.origin == c.Origin || old.origin == base.OriginPrefill):
		case first, answer, s.mu.seen.has(c.Key), len(c.Tokens) < base.ChunkTokens && s.mu.seen.has(l.keys[len(l.keys)-1]):
			ends[c.Key] = c.From + len(c.Tokens)
			kept = append(kept, c)
		}
	}
	if !first {
		s.noteSeenLocked(l, now)
	}
	return kept
}

// copies reports whether most of what is new is stored already, in a chunk that diverges further on. Then it is not
// saved before it comes again: of many requests that share a beginning, each would save the last part of it.
func (s *states) copies(l *lease, r *base.StateReport) bool {
	if len(r.Saved) == 0 || l.query.Recompute || l.plan.SaveAnswer {
		return false
	}
	tokens := 0
	for _, c := range r.Saved {
		tokens += len(c.Tokens)
	}
	common, diverges := s.nearest(r.Saved[0].Parent, r.Saved[0].Tokens)
	return diverges && 2*common > tokens
}

// noteSeenLocked remembers what was cheap to compute, so that it is saved when it comes again.
func (s *states) noteSeenLocked(l *lease, now int64) {
	noted := 0
	for _, key := range l.keys {
		if s.mu.chunks.byKey[key] == nil && noted < seenAtOne {
			s.mu.seen.add(key, now)
			noted++
		}
	}
}

// sound reports whether a chunk is what it says, as far as one can tell without reading the file.
func sound(c *base.SavedChunk) bool {
	return len(c.Tokens) > 0 && len(c.Tokens) <= base.ChunkTokens && c.From >= 0 && c.From%base.ChunkTokens == 0 &&
		c.Bytes > blob.HeaderSize && c.Cost >= 0 && storedAsKey[c.Origin] != 0 && c.Key == blob.NextKey(c.Parent, c.Tokens)
}

// commit gives new chunks their names and records, as far as they fit, and returns how many.
func (s *states) commit(l *lease, kept []base.SavedChunk) int {
	kept = s.hidden(l, kept)
	if len(kept) == 0 {
		return 0
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	unpin := s.pin(kept)
	defer unpin()
	for len(kept) > 0 && !s.makeRoomLocked(sizeOf(kept)) {
		kept = kept[:len(kept)-1]
		s.engine.totals.add(stateNoRoom, 1)
	}
	files := make([]blob.File, len(kept))
	for i, c := range kept {
		files[i] = blob.File{Temp: c.Temp, Key: c.Key}
	}
	n, err := blob.Commit(s.dir, files)
	if err != nil {
		s.engine.totals.add(stateTrouble, 1)
		s.engine.failed("save state", err)
	}
	return s.recordChunks(l, kept[:n])
}

// hidden returns the chunks up to the first that is not sealed and should be, as one by a host that is older.
func (s *states) hidden(l *lease, kept []base.SavedChunk) []base.SavedChunk {
	for i, c := range kept {
		if l.plan.Sealed && !blob.IsSealed(c.Temp) {
			s.engine.totals.add(stateRefused, 1)
			s.engine.report("save state", fmt.Errorf("chunk %x: the host did not seal it", c.Key[:4]))
			return kept[:i]
		}
	}
	return kept
}

func sizeOf(list []base.SavedChunk) (size int64) {
	for _, c := range list {
		size += c.Bytes
	}
	return size
}

// pin keeps the chunks that new ones follow from being evicted to make room for them.
func (s *states) pin(kept []base.SavedChunk) (unpin func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var pinned []*chunk
	for _, c := range kept {
		if parent := s.mu.chunks.byKey[c.Parent]; parent != nil {
			parent.leases++
			pinned = append(pinned, parent)
		}
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, c := range pinned {
			c.leases--
		}
	}
}

// recordChunks makes the records of files that have their names, in one batch, and waits for its sync. Without
// records the files go. The caller holds writing.
func (s *states) recordChunks(l *lease, kept []base.SavedChunk) int {
	if len(kept) == 0 {
		return 0
	}
	e, now := s.engine, s.engine.options.Now().UnixNano()
	c := change{account: accountName(l.query.Tenant)}
	added := make([]*chunk, len(kept))
	for i := range kept {
		record := recordOf(&kept[i], l.query.State, now)
		name := keyspace.ChunkKey(kept[i].Key)
		c.set(name, keyspace.EncodeChunk(name, record))
		added[i] = chunkOf(kept[i].Key, record)
	}
	c.count(stateSaved, int64(len(kept)))
	e.changing.Lock()
	receipt, err := e.applyLocked(&c)
	e.changing.Unlock()
	if err == nil {
		err = receipt.Wait(context.Background())
	}
	if err != nil {
		e.failed("save state", err)
		s.undo(added)
		return 0
	}
	s.enter(added)
	s.replaceShorter(l, kept)
	return len(kept)
}

// undo removes files that got no record. Those that took the place of others are gone with them.
func (s *states) undo(added []*chunk) {
	s.mu.Lock()
	for _, c := range added {
		if old := s.mu.chunks.byKey[c.key]; old != nil {
			s.mu.chunks.remove(old)
		}
	}
	s.mu.Unlock()
	for _, c := range added {
		_ = blob.Remove(s.dir, c.key) // what stays has no record, or an old one that does not fit
	}
}

func recordOf(c *base.SavedChunk, state StateID, now int64) *keyspace.Chunk {
	return &keyspace.Chunk{
		Parent: c.Parent, State: keyspace.Hash(state), From: uint32(c.From), Tokens: c.Tokens, Origin: storedAsKey[c.Origin],
		Bytes: uint64(c.Bytes), Cost: c.Cost, Created: now,
	}
}

// enter makes new chunks known.
func (s *states) enter(added []*chunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range added {
		if s.mu.chunks.byKey[c.key] != nil {
			s.engine.totals.add(stateReplaced, 1)
		}
		s.mu.chunks.add(c)
	}
}

// replaceShorter removes the chunks that full ones begin with: whatever could go on from them goes on from the
// full ones, or diverges. The one that this very prompt may resume at stays: where a prompt ends with a full chunk,
// that chunk leaves nothing to read. The lease itself, which has restored what it wanted, does not hold them.
func (s *states) replaceShorter(l *lease, kept []base.SavedChunk) {
	var shorter []*chunk
	most := boundaryOf(l.query.FlashAttention, s.options.Close).most(len(l.query.Tokens))
	s.mu.Lock()
	l.letGo()
	for _, c := range kept {
		if len(c.Tokens) < base.ChunkTokens {
			continue
		}
		for length := 1; length < base.ChunkTokens && s.mu.chunks.first[c.Parent].next != nil; length++ {
			if c.From+length == most {
				continue
			}
			if old := s.mu.chunks.byKey[blob.NextKey(c.Parent, c.Tokens[:length])]; old != nil && s.mu.chunks.free(old) {
				s.mu.chunks.remove(old)
				shorter = append(shorter, old)
			}
		}
	}
	s.mu.Unlock()
	if len(shorter) == 0 {
		return
	}
	s.deleteRecords(shorter, StateReplaced)
	for _, c := range shorter {
		if err := blob.Remove(s.dir, c.key); err != nil {
			s.engine.failed("replace saved state", err)
		}
	}
}

// whole reports whether the full chunks of a prompt are all stored, so that its answer is worth saving too.
func (s *states) whole(l *lease, r *base.StateReport) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	full := len(l.query.Tokens) / base.ChunkTokens
	for _, key := range l.keys[:full] {
		if s.mu.chunks.byKey[key] == nil {
			return false
		}
	}
	return full > 0 || r.Prefill >= s.options.MinPrefill
}
