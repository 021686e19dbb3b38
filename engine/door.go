package engine

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/internal/fingerprint"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// door remembers the requests that were not stored at their first use, so that they are at the second: two sets of
// bits, of which the younger one takes the other's place when it is full. It may take a request for another, once in a
// hundred, and forgets those of long ago.
type door struct {
	mu    sync.Mutex
	sets  *keyspace.Door // nil until it is needed
	dirty bool
	saved time.Time
}

const (
	doorBitsEach = 16 // bits for each request that a set is to hold
	doorMin      = 1 << 10
	doorMost     = 1 << 20 // requests
	doorSave     = time.Minute
)

// doorBytes is how long a set is where so many entries may be kept.
func doorBytes(maxEntries int) int { return min(max(maxEntries, doorMin), doorMost) * doorBitsEach / 8 }

// seenBefore reports whether a request came before, and remembers that it did now.
func (d *door) seenBefore(exact fingerprint.ID) bool {
	bits := doorBits(exact, len(d.sets.New)*8)
	before := hasBits(d.sets.New, bits) || hasBits(d.sets.Old, bits)
	if before {
		return true
	}
	for _, bit := range bits {
		d.sets.New[bit/8] |= 1 << (bit % 8)
	}
	d.dirty = true
	if d.sets.Count++; d.sets.Count >= uint64(len(d.sets.New))*8/doorBitsEach {
		d.sets.Old, d.sets.New, d.sets.Count = d.sets.New, make([]byte, len(d.sets.New)), 0
	}
	return false
}

func doorBits(exact fingerprint.ID, n int) (bits [4]uint64) {
	a, b := binary.LittleEndian.Uint64(exact[:]), binary.LittleEndian.Uint64(exact[8:])
	for i := range bits {
		bits[i] = (a + uint64(i)*b) % uint64(n)
	}
	return bits
}

func hasBits(set []byte, bits [4]uint64) bool {
	for _, bit := range bits {
		if set[bit/8]&(1<<(bit%8)) == 0 {
			return false
		}
	}
	return true
}

// admits reports whether the answer to a request may be stored: where answers are stored at the second use, if the
// request came before or has an entry.
func (e *Engine) admits(k *keys) bool {
	if !e.options.AdmitSecond {
		return true
	}
	if _, err := e.leadsTo(k.index()); err == nil {
		return true
	}
	e.door.mu.Lock()
	defer e.door.mu.Unlock()
	if e.door.sets == nil {
		e.door.sets = e.readDoor()
	}
	return e.door.seenBefore(k.exact)
}

// readDoor returns what is stored, or nothing if it is not there, damaged or of another size.
func (e *Engine) readDoor() *keyspace.Door {
	key, size := keyspace.DoorKey(), doorBytes(e.options.MaxEntries)
	value, err := e.store.Get(key)
	if err == nil {
		var d *keyspace.Door
		if d, err = keyspace.DecodeDoor(key, value); err == nil && len(d.New) == size {
			return d
		}
	}
	if errors.Is(err, ErrCorrupt) {
		e.failed("read what was asked for once", err)
	}
	return &keyspace.Door{Old: make([]byte, size), New: make([]byte, size)}
}

// stage adds the storing of what changed to a change, now and then, or at once where the engine closes.
func (d *door) stage(c *change, closing bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.dirty || !closing && time.Since(d.saved) < doorSave {
		return
	}
	d.dirty, d.saved = false, time.Now()
	key := keyspace.DoorKey()
	c.set(key, keyspace.EncodeDoor(key, d.sets))
}
