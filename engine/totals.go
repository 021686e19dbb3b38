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
	hitNormalized = "cache.hit_normalized"
	hitApprox     = "cache.hit_approx"
	hitStale      = "cache.hit_stale"
	refreshed     = "cache.refreshed"
	refreshFailed = "cache.refresh_failures"
	unadmitted    = "cache.unadmitted"
	missAbsent    = "cache.miss_absent"
	missGuard     = "cache.miss_guard"
	missUnmatched = "cache.miss_unmatched"
	missExpired   = "cache.miss_expired"
	missLonger    = "cache.miss_longer"
	missRejected  = "cache.miss_rejected"
	missAsked     = "cache.miss_asked"
	missFailed    = "cache.miss_failed"
	bypassSampled = "cache.bypass_sampled"
	bypassHook    = "cache.bypass_hook"
	bypassAsked   = "cache.bypass_asked"
	unstored      = "cache.unstored_hook"
	remembered    = "cache.remembered"
	evictedBefore = "cache.evicted" // for space, as older programs counted it
	evictedSize   = "cache.evicted_size"
	evictedBytes  = "cache.evicted_bytes"
	evictedShare  = "cache.evicted_share"
	entryBytes    = "cache.entry_bytes"
	expired       = "cache.expired"
	removed       = "cache.removed"
	corrupt       = "cache.corrupt"
	retired       = "cache.retired"
	imported      = "cache.imported"
	marked        = "cache.marked"
	missWrong     = "cache.miss_wrong"
	failures      = "cache.store_failures"
	savedMicros   = "cache.saved_us"
	loadMicros    = "cache.load_us"
	lookups       = "cache.lookups"
	filled        = "cache.reindexed"

	searchIncomplete = "cache.search_incomplete"
	scanIncomplete   = "cache.scan_incomplete"
)

var totalNames = []string{
	entries, hitExactBytes, hitNormalized, hitApprox, hitStale, refreshed, refreshFailed, unadmitted, missAbsent, missGuard, missUnmatched, missExpired, missLonger, missRejected, missAsked, missFailed, bypassSampled, bypassHook, bypassAsked,
	unstored, remembered, filled, searchIncomplete, scanIncomplete,
	imported, marked, retired, missWrong,
	entryBytes, evictedSize, evictedBytes, evictedShare, expired, removed, corrupt, failures, savedMicros, loadMicros, lookups,
}

// totals are counts that are kept in the store, each batch carrying those that changed. What is
// counted between the last batch and a crash is lost, except what a batch itself counts, such as
// cache.size, which changes with its entries or not at all.
type totals struct {
	mu     sync.Mutex
	values map[string]int64
	dirty  map[string]bool // changed since they were last stored
	staged map[string]bool // in the batch under way
}

// read loads the totals of a store that nobody uses yet. It reports whether one was damaged; that one
// counts from nothing.
func (t *totals) read(s *store.Store) (damaged bool, err error) {
	t.values, t.dirty = map[string]int64{}, map[string]bool{}
	for row, err := range s.Walk(keyspace.TotalPrefix()) {
		if err != nil {
			return damaged, err
		}
		name, errKey := keyspace.ParseTotalKey(row.Key)
		value, errValue := keyspace.DecodeTotal(row.Key, row.Value)
		if errKey != nil || errValue != nil {
			damaged = true
			continue
		}
		t.values[name] = value
	}
	return damaged, nil
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

// stage returns the mutations that store what changed, with counts on top. One batch is staged at a
// time; settle ends it.
func (t *totals) stage(counts map[string]int64) []store.Mutation {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name := range counts {
		t.dirty[name] = true
	}
	mutations := make([]store.Mutation, 0, len(t.dirty))
	for name := range t.dirty {
		key := keyspace.TotalKey(name)
		mutations = append(mutations, store.Set(key, keyspace.EncodeTotal(key, t.values[name]+counts[name])))
	}
	t.staged, t.dirty = t.dirty, map[string]bool{}
	return mutations
}

// settle adds counts if the batch was applied; if not, what was staged waits for the next.
func (t *totals) settle(counts map[string]int64, applied bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if applied {
		for name, n := range counts {
			t.values[name] += n
		}
		return
	}
	for name := range t.staged {
		t.dirty[name] = true
	}
}

func (t *totals) snapshot() map[string]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.values)
}

// changed reports whether anything waits to be stored.
func (t *totals) changed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.dirty) > 0
}
