package engine

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// mostHours is how many hours are kept.
const mostHours = 90 * 24

// Hour is what the cache did in one hour.
type Hour struct {
	Start      time.Time     `json:"start"`
	Lookups    int64         `json:"lookups"`
	Hits       int64         `json:"hits"`
	Saved      time.Duration `json:"saved_ns"`
	Remembered int64         `json:"remembered"`
	Removed    int64         `json:"removed"` // entries that went, for whatever cause but being replaced
	Entries    int64         `json:"entries"` // at its end, or now
	Bytes      int64         `json:"bytes"`   // of them
}

// history keeps a record of each hour. Records are written with counts; what is counted between the last of them and a
// crash is lost with those.
type history struct {
	mu   sync.Mutex
	hour uint64           // of the record
	read bool             // whether sum has what the store had
	sum  keyspace.Hour    // of the hour, as it is in the store and more
	last map[string]int64 // totals that sum has
}

func hourOf(now time.Time) uint64 { return uint64(max(0, now.Unix()) / 3600) }

// begin takes the totals there are as those before the first hour of this process.
func (h *history) begin(now time.Time, totals map[string]int64) { h.hour, h.last = hourOf(now), totals }

// behind reports whether more was counted than the record says: batches of other kinds store totals, and not the record.
func (h *history) behind(now map[string]int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !maps.Equal(h.last, now)
}

// stage adds the record of this hour to a change. The caller holds e.changing.
func (h *history) stage(e *Engine, c *change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	totals, hour := e.totals.snapshot(), hourOf(e.options.Now())
	h.open(e, c)
	if hour != h.hour {
		h.count(totals) // what is left of the last one
		h.write(c)
		h.hour, h.read = hour, false
		h.open(e, c)
	}
	h.count(totals)
	h.write(c)
}

// open reads what the store has of the hour. Where that is nothing, the hour is new, and the oldest may go.
func (h *history) open(e *Engine, c *change) {
	if h.read {
		return
	}
	h.read, h.sum = true, e.storedHour(h.hour)
	if h.sum == (keyspace.Hour{}) {
		e.dropHours(c, h.hour)
	}
}

func (h *history) write(c *change) {
	key := keyspace.HourKey(h.hour)
	c.set(key, keyspace.EncodeHour(key, h.sum))
}

// count adds what changed since it was last called.
func (h *history) count(totals map[string]int64) {
	since := func(names ...string) (n int64) {
		for _, name := range names {
			n += totals[name] - h.last[name]
		}
		return n
	}
	s := &h.sum
	s.Lookups += since(lookups)
	s.Hits += since(hitExactBytes, hitNormalized, hitApprox)
	s.SavedMicros += since(savedMicros)
	s.Remembered += since(remembered)
	s.Removed += since(evictedSize, evictedBytes, evictedShare, expired, removed, corrupt)
	s.Entries, s.Bytes = totals[entries], totals[entryBytes]
	h.last = totals
}

// storedHour returns the record of an hour, which another process may have begun.
func (e *Engine) storedHour(hour uint64) (h keyspace.Hour) {
	key := keyspace.HourKey(hour)
	_ = e.store.View(key, func(value []byte) (err error) { // a damaged one begins anew
		h, err = keyspace.DecodeHour(key, value)
		return err
	})
	return h
}

// dropHours adds the removal of hours that are too old.
func (e *Engine) dropHours(c *change, now uint64) {
	if now < mostHours {
		return
	}
	rows, _, err := e.store.Page(keyspace.HourPrefix(), nil, 0)
	if err != nil {
		return // the next hour tries again
	}
	for _, r := range rows {
		if hour, err := keyspace.ParseHourKey(r.Key); err == nil && hour <= now-mostHours {
			c.delete(r.Key)
		}
	}
}

// History returns the hours in which the cache did anything, oldest first, of the last so many; 0 means all there are.
func (e *Engine) History(_ context.Context, hours int) ([]Hour, error) {
	_ = e.storeCounts(false) // told
	var first []byte
	if now := hourOf(e.options.Now()); hours > 0 && uint64(hours) <= now {
		first = keyspace.HourKey(now - uint64(hours) + 1)
	}
	list := []Hour{}
	for {
		rows, next, err := e.store.Page(keyspace.HourPrefix(), first, 0)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			hour, errKey := keyspace.ParseHourKey(r.Key)
			h, errValue := keyspace.DecodeHour(r.Key, r.Value)
			if errKey == nil && errValue == nil {
				list = append(list, shownHour(hour, &h))
			}
		}
		if first = next; first == nil {
			return list, nil
		}
	}
}

func shownHour(hour uint64, h *keyspace.Hour) Hour {
	return Hour{
		Start: time.Unix(int64(hour)*3600, 0).UTC(), Lookups: h.Lookups, Hits: h.Hits, Saved: time.Duration(h.SavedMicros) * time.Microsecond,
		Remembered: h.Remembered, Removed: h.Removed, Entries: h.Entries, Bytes: h.Bytes,
	}
}
