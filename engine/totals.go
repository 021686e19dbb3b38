package engine

import (
	"maps"
	"sync"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// Names of the totals, which outlive the process. Times are in microseconds, so that many short
// ones add up; Stats gives milliseconds.
const (
	entries       = "cache.size"
	hitExactBytes = "cache.hit_exact_bytes"
	missAbsent    = "cache.miss_absent"
	missExpired   = "cache.miss_expired"
	missLonger    = "cache.miss_longer"
	missFailed    = "cache.miss_failed"
	bypassSampled = "cache.bypass_sampled"
	remembered    = "cache.remembered"
	evicted       = "cache.evicted"
	expired       = "cache.expired"
	removed       = "cache.removed"
	corrupt       = "cache.corrupt"
	failures      = "cache.store_failures"
	savedMicros   = "cache.saved_us"
	loadMicros    = "cache.load_us"
	lookups       = "cache.lookups"
)

var totalNames = []string{
	entries, hitExactBytes, missAbsent, missExpired, missLonger, missFailed, bypassSampled, remembered,
	evicted, expired, removed, corrupt, failures, savedMicros, loadMicros, lookups,
}

// totals are counts that are kept in the store. A change is put into the store by the next batch
// that carries mutations; what is counted between that and a crash is lost, except cache.size, which
// changes in the batch of its entry.
type totals struct {
	mu     sync.Mutex
	values map[string]int64
	dirty  map[string]bool
}

// read loads the totals of a store.
func (t *totals) read(s *store.Store) error {
	t.values, t.dirty = map[string]int64{}, map[string]bool{}
	for row, err := range s.Walk(keyspace.TotalPrefix()) {
		if err != nil {
			return err
		}
		name, err := keyspace.ParseTotalKey(row.Key)
		if err != nil {
			return err
		}
		if t.values[name], err = keyspace.DecodeTotal(row.Key, row.Value); err != nil {
			return err
		}
	}
	return nil
}

func (t *totals) add(name string, n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.values[name] += n
	t.dirty[name] = true
}

func (t *totals) get(name string) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.values[name]
}

// take returns the mutations that store what changed.
func (t *totals) take() []store.Mutation {
	t.mu.Lock()
	defer t.mu.Unlock()
	mutations := make([]store.Mutation, 0, len(t.dirty))
	for name := range t.dirty {
		key := keyspace.TotalKey(name)
		mutations = append(mutations, store.Set(key, keyspace.EncodeTotal(key, t.values[name])))
	}
	clear(t.dirty)
	return mutations
}

func (t *totals) snapshot() map[string]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.values)
}
