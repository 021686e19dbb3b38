package engine

import (
	"math"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// chunk is a file of saved state as the cache knows it.
type chunk struct {
	key, parent blob.Key
	from        int
	tokens      int
	origin      base.Origin
	bytes       int64
	cost        time.Duration
	uses        keyspace.ChunkUses
	leases      int  // restores under way; it is not evicted while there are any
	used        bool // since its uses were stored

	next, prev *chunk // others with the same parent

	score float64 // see rank
	place int     // among the leaves, from 1 on; 0 if something follows it
}

// useHalfLife is the time in which a use comes to count half.
const useHalfLife = 24 * time.Hour

// weight is how much the uses of a chunk count at a time.
func (c *chunk) weight(now int64) float64 {
	return c.uses.Weight * math.Exp2(-float64(max(0, now-c.uses.Last))/float64(useHalfLife))
}

func (c *chunk) use(now int64) {
	c.uses = keyspace.ChunkUses{Count: c.uses.Count + 1, Weight: c.weight(now) + 1, Last: max(now, c.uses.Last)}
}

// value is what keeping a chunk is worth: time saved, by use, for each byte.
func (c *chunk) value(now int64) float64 { return c.cost.Seconds() * c.weight(now) / float64(c.bytes) }

// rank sets the score, which orders chunks as their values do. All values halve in the same time, so the order
// changes only when a chunk is used; the score is the logarithm of the value at a time that is the same for all.
func (c *chunk) rank() {
	c.score = math.Log2(c.cost.Seconds()*c.uses.Weight/float64(c.bytes)) + float64(c.uses.Last)/float64(useHalfLife)
}

// chunks are the chunks there are, and which follows which. It knows no lock.
type chunks struct {
	byKey  map[blob.Key]*chunk
	first  map[blob.Key]*chunk // the latest of those that follow a key, which may be that of a chunk or a seed
	bytes  int64
	leaves leaves
}

func newChunks() chunks {
	return chunks{byKey: map[blob.Key]*chunk{}, first: map[blob.Key]*chunk{}}
}

// add adds a chunk. One that has its key becomes like it, and keeps its uses and leases.
func (x *chunks) add(c *chunk) {
	if old := x.byKey[c.key]; old != nil {
		x.bytes += c.bytes - old.bytes
		old.origin, old.bytes, old.cost = c.origin, c.bytes, c.cost
		x.ranked(old)
		return
	}
	x.byKey[c.key] = c
	x.bytes += c.bytes
	if c.next = x.first[c.parent]; c.next != nil {
		c.next.prev = c
	}
	x.first[c.parent] = c
	if parent := x.byKey[c.parent]; parent != nil {
		x.leaves.drop(parent)
	}
	c.rank()
	if x.first[c.key] == nil {
		x.leaves.put(c)
	}
}

// ranked brings a chunk to its place after its value changed.
func (x *chunks) ranked(c *chunk) {
	c.rank()
	x.leaves.moved(c)
}

func (x *chunks) remove(c *chunk) {
	delete(x.byKey, c.key)
	x.bytes -= c.bytes
	x.leaves.drop(c)
	if c.next != nil {
		c.next.prev = c.prev
	}
	switch {
	case c.prev != nil:
		c.prev.next = c.next
	case c.next != nil:
		x.first[c.parent] = c.next
	default:
		delete(x.first, c.parent)
		if parent := x.byKey[c.parent]; parent != nil {
			x.leaves.put(parent)
		}
	}
	c.next, c.prev = nil, nil
}

// free reports whether a chunk may be evicted.
func (x *chunks) free(c *chunk) bool { return c.leases == 0 && c.place > 0 }

// evict takes out the least valuable leaves that nobody has leased, until enough bytes are gone or no more can go.
func (x *chunks) evict(over int64) (gone []*chunk) {
	var leased []*chunk
	for over > 0 && len(x.leaves) > 0 {
		c := x.leaves[0]
		if c.leases > 0 {
			x.leaves.drop(c)
			leased = append(leased, c)
			continue
		}
		x.remove(c)
		gone = append(gone, c)
		over -= c.bytes
	}
	for _, c := range leased {
		x.leaves.put(c)
	}
	return gone
}
