package ngram

import (
	"fmt"
	"slices"
	"sync"
)

// Group names a part of an index. A search sees one group and nothing of any other.
type Group = [8]byte

// Index finds the entries whose sets are most like a query's. It holds a signature of each set in memory
// and no set: a search reads those of the few entries that may match. All methods may be called by many
// goroutines at a time.
type Index struct {
	// mu is held for reading while a search looks at the entries of one size, and never while it reads an
	// entry. That takes microseconds, and about a millisecond where a hundred thousand have one size.
	mu      sync.RWMutex
	groups  map[Group]*group
	entries int
}

// group holds the entries of a group by the sizes of their sets, ascending. All of it is guarded by the
// lock of the index.
type group struct {
	kind  Kind
	sizes []*rows
}

// NewIndex returns an empty index.
func NewIndex() *Index { return &Index{groups: map[Group]*group{}} }

// Add adds an entry to a group by the size of its set and its signature of a kind, which is copied. The entry
// must not be in the group, and a group has signatures of one kind. A signature that is not as wide as the size
// demands is refused: it cannot have come from such a set.
func (x *Index) Add(name Group, id uint64, kind Kind, size int, signature []uint64) error {
	if kind != Presence && kind != Parity {
		return fmt.Errorf("entry %x: signature of kind %d: want 1 or 2", id, kind)
	}
	if size < 0 || len(signature) != kind.Width(size) {
		return fmt.Errorf("entry %x: signature of %d words cannot be of a set of %d", id, len(signature), size)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	g := x.groups[name]
	if g == nil {
		g = &group{kind: kind}
		x.groups[name] = g
	}
	if g.kind != kind {
		return fmt.Errorf("entry %x: signature of kind %d in a group of kind %d", id, kind, g.kind)
	}
	at, found := g.find(size)
	if !found {
		g.sizes = slices.Insert(g.sizes, at, &rows{size: size, width: kind.Width(size), front: kind.front(size)})
	}
	g.sizes[at].add(id, signature)
	x.entries++
	return nil
}

// Remove removes an entry that was added with this group and size, and says whether it was there.
func (x *Index) Remove(name Group, id uint64, size int) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	g := x.groups[name]
	if g == nil {
		return false
	}
	at, found := g.find(size)
	if !found {
		return false
	}
	row := g.sizes[at].find(id)
	if row < 0 {
		return false
	}
	x.entries--
	if g.sizes[at].remove(row); g.sizes[at].len() == 0 {
		g.sizes = slices.Delete(g.sizes, at, at+1)
	}
	if len(g.sizes) == 0 {
		delete(x.groups, name)
	}
	return true
}

// find returns the position of the rows of a size, or where they would be.
func (g *group) find(size int) (at int, found bool) {
	return slices.BinarySearchFunc(g.sizes, size, func(r *rows, size int) int { return r.size - size })
}

// IndexStats says how much an index holds.
type IndexStats struct {
	Entries int
	Groups  int
	Bytes   int // of the arrays, without what the groups themselves take
}

// Stats counts what is in the index.
func (x *Index) Stats() IndexStats {
	x.mu.RLock()
	defer x.mu.RUnlock()
	stats := IndexStats{Entries: x.entries, Groups: len(x.groups)}
	for _, g := range x.groups {
		for _, r := range g.sizes {
			stats.Bytes += r.bytes()
		}
	}
	return stats
}
