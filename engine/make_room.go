package engine

import (
	"container/heap"

	"github.com/kvasir-cache/kvasir/internal/blob"
)

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
	evicted := s.mu.chunks.evict(s.mu.chunks.bytes+need-s.options.MaxBytes, now)
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

// evict takes out the least valuable leaves until enough bytes are gone, or no more can go.
func (x *chunks) evict(over, now int64) []*chunk {
	return x.evictBy(over, func(c *chunk) float64 { return c.value(now) })
}

// evictBy is evict by another value.
func (x *chunks) evictBy(over int64, value func(*chunk) float64) (gone []*chunk) {
	if over <= 0 {
		return nil
	}
	var leaves leafHeap
	for _, c := range x.byKey {
		if x.free(c) {
			leaves.list = append(leaves.list, valued{c, value(c)})
		}
	}
	heap.Init(&leaves)
	for over > 0 && leaves.Len() > 0 {
		c := heap.Pop(&leaves).(valued).chunk
		x.remove(c)
		gone = append(gone, c)
		over -= c.bytes
		if parent := x.byKey[c.parent]; parent != nil && x.free(parent) {
			heap.Push(&leaves, valued{parent, value(parent)})
		}
	}
	return gone
}

type valued struct {
	chunk *chunk
	value float64
}

// leafHeap has the least valuable chunk first; of equal ones the one used longest ago, then the last of its
// prompt.
type leafHeap struct {
	list []valued
}

func (h *leafHeap) Len() int { return len(h.list) }

func (h *leafHeap) Less(i, j int) bool {
	a, b := h.list[i], h.list[j]
	switch {
	case a.value != b.value:
		return a.value < b.value
	case a.chunk.uses.Last != b.chunk.uses.Last:
		return a.chunk.uses.Last < b.chunk.uses.Last
	case a.chunk.from != b.chunk.from:
		return a.chunk.from > b.chunk.from
	}
	return string(a.chunk.key[:]) < string(b.chunk.key[:])
}

func (h *leafHeap) Swap(i, j int) { h.list[i], h.list[j] = h.list[j], h.list[i] }

func (h *leafHeap) Push(v any) { h.list = append(h.list, v.(valued)) }

func (h *leafHeap) Pop() any {
	last := h.list[len(h.list)-1]
	h.list = h.list[:len(h.list)-1]
	return last
}
