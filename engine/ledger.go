package engine

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// entryHalfLife is the time in which a use of an entry comes to count half. Replays of requests that come by popularity
// gain by a longer one, those whose popular ones change by a shorter one.
const entryHalfLife = 72 * time.Hour

// row is what the ledger knows of an entry, in 48 bytes.
type row struct {
	id      keyspace.ID
	expires int64 // unix nanoseconds; 0 is never
	last    int64 // use, or when it was stored
	topic   uint32
	account uint32
	weight  float32 // uses up to last, of which older ones count less
	cost    float32 // seconds
	bytes   uint32
	used    bool
	pinned  bool
	gone    bool
}

func rowOf(id keyspace.ID, u keyspace.Uses) row {
	w := &u.Worth
	return row{
		id: id, expires: w.Expires, last: max(w.Created, u.Last), topic: w.Topic, account: w.Account,
		weight: float32(w.Weight), cost: float32(w.Cost.Seconds()), bytes: uint32(min(w.Bytes, math.MaxUint32)),
		used: u.Count > 0, pinned: w.Pinned,
	}
}

// score orders entries by what keeping them is worth: time saved, by use, for each byte. All values halve in the same
// time, so the logarithm of the value at a time that is the same for all will do.
func (r *row) score() float64 {
	return math.Log2(float64(r.cost)*float64(r.weight)/float64(max(1, r.bytes))) + float64(r.last)/float64(entryHalfLife)
}

// over reports whether an entry is past its time, and past that in which it would serve while it is refreshed.
func (r *row) over(now int64, stale time.Duration) bool {
	return r.expires != 0 && now-r.expires >= int64(stale)
}

// weightAt is how much uses up to last count at a later time.
func weightAt(weight float64, last, now int64) float64 {
	return weight * math.Exp2(-float64(max(0, now-last))/float64(entryHalfLife))
}

// ledger is what an engine knows of all its entries, so that choosing what goes reads none of them. It is read from
// the use counters when it is first needed. What changes meanwhile is kept apart, and counts for more than what was
// read. Who changes entries holds Engine.changing.
type ledger struct {
	making sync.Mutex // held while it is read
	mu     struct {   // held for moments only
		sync.Mutex
		ready   bool
		touched map[keyspace.ID]row // while it is read; nil before
		rows    []row               // by id
		dead    int                 // of rows, those that are gone
	}
}

// set enters an entry, or what is new of it. A new one has the highest id; one that is there again had its own.
func (l *ledger) set(r row) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.touched != nil {
		l.mu.touched[r.id] = r
	}
	if !l.mu.ready {
		return
	}
	at, known := l.findLocked(r.id)
	if known {
		if l.mu.rows[at].gone { // it is there again
			l.mu.dead--
		}
		l.mu.rows[at] = r
		return
	}
	l.mu.rows = slices.Insert(l.mu.rows, at, r)
}

// drop takes an entry out.
func (l *ledger) drop(id keyspace.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.touched != nil {
		l.mu.touched[id] = row{id: id, gone: true}
	}
	if at, known := l.findLocked(id); known && !l.mu.rows[at].gone {
		l.mu.rows[at].gone = true
		l.mu.dead++
	}
	if l.mu.dead > 64 && l.mu.dead > len(l.mu.rows)/8 {
		l.mu.rows = slices.DeleteFunc(l.mu.rows, func(r row) bool { return r.gone })
		l.mu.dead = 0
	}
}

func (l *ledger) findLocked(id keyspace.ID) (at int, known bool) {
	return slices.BinarySearchFunc(l.mu.rows, id, func(r row, id keyspace.ID) int { return cmp.Compare(r.id, id) })
}

// get returns the row of an entry.
func (l *ledger) get(id keyspace.ID) (row, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, known := l.findLocked(id)
	if !known || l.mu.rows[at].gone {
		return row{}, false
	}
	return l.mu.rows[at], true
}

// isReady reports whether the ledger was read.
func (l *ledger) isReady() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.ready
}

// begin has changes kept apart from now on.
func (l *ledger) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.touched = map[keyspace.ID]row{}
}

// finish makes the ledger of what was read and of what changed meanwhile, and returns how many entries there are and
// what they take. Where read is nil, reading failed, and it is begun anew when it is needed.
func (l *ledger) finish(read []row) (count, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	touched := l.mu.touched
	l.mu.touched = nil
	if read == nil {
		return 0, 0
	}
	rows := slices.DeleteFunc(read, func(r row) bool { _, changed := touched[r.id]; return changed })
	for _, r := range touched {
		if !r.gone {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.id, b.id) })
	l.mu.ready, l.mu.rows, l.mu.dead = true, rows, 0
	for i := range rows {
		bytes += int64(rows[i].bytes)
	}
	return int64(len(rows)), bytes
}

// live returns a copy of the rows.
func (l *ledger) live() []row {
	l.mu.Lock()
	defer l.mu.Unlock()
	rows := make([]row, 0, len(l.mu.rows)-l.mu.dead)
	for i := range l.mu.rows {
		if !l.mu.rows[i].gone {
			rows = append(rows, l.mu.rows[i])
		}
	}
	return rows
}

// ended returns the entries that are past their time.
func (l *ledger) ended(now int64, stale time.Duration) (ended []row) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.mu.rows {
		if r := &l.mu.rows[i]; !r.gone && r.over(now, stale) {
			ended = append(ended, *r)
		}
	}
	return ended
}
