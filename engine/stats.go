package engine

import (
	"context"
	"maps"
)

// Stats returns the metrics of the cache under their names. After Open it waits until it is known what state is
// saved, and fails only if ctx ends first. Counts are over the life of the store, over every process that used it;
// names that end in _ms are milliseconds.
//
//	cache.enabled          1
//	cache.size             entries
//	cache.bytes            bytes on disk, or in memory
//	cache.lookups          requests looked up
//	cache.hit_exact        answered from the store: hit_exact_bytes and hit_normalized together
//	cache.hit_exact_bytes  by exactly the same request
//	cache.hit_normalized   by the same normal form
//	cache.hit_approx       by a request alike enough
//	cache.hit_stale        of those by exactly the same request, those past their time; see Options.Stale
//	cache.refreshed, cache.refresh_failures   inferences that such hits began, and that brought no answer
//	cache.unadmitted       answers not stored since they were asked for the first time; see Options.AdmitSecond
//	cache.miss             not answered from the store, by reason: miss_absent, miss_guard (what was
//	                       found is alike but asks something else), miss_unmatched (a plugin
//	                       of the strategy failed), miss_expired,
//	                       miss_longer (the stored answer has more tokens than asked for), miss_rejected
//	                       (by a hook), miss_wrong (what is alike was said to be wrong for it), miss_asked (the request wanted a fresher or closer one), miss_failed
//	cache.bypass           left out, by reason: bypass_sampled, bypass_hook, bypass_asked
//	cache.saved_ms         what the inferences of served answers had cost, less what serving them took
//	cache.load_ms          what serving them took
//	cache.search_incomplete  searches for alike requests that met a limit, of entries that are read, scanned or
//	                       judged, so that one that is alike may have been missed
//	cache.scan_incomplete  of those, the ones that met the limit of entries to scan
//	cache.reindexed        entries that were given the normal forms of a new strategy
//	cache.remembered       answers stored
//	cache.unstored_hook    answers that a hook had not stored
//	cache.imported         entries read from exports and packs
//	cache.marked           answers that somebody said to be wrong for a prompt, or no longer
//	cache.retired          entries that serve nobody any more because of that
//	cache.entry_bytes      what the entries hold, before Pebble packs them; Options.MaxBytes bounds it
//	cache.evicted          entries gone for space, by cause: evicted_size (too many), evicted_bytes (too large),
//	                       evicted_share (their tenant took more than its share)
//	cache.expired, cache.removed, cache.corrupt   entries gone by age, by users and as damaged
//	cache.store_failures   failures of the store that no caller saw
//
// Those of saved state have names that begin with kv; states.stats says what they are.
//
// Hooks with a method Metrics() map[string]float64 add theirs, which count since the process began.
func (e *Engine) Stats(ctx context.Context) (map[string]float64, error) {
	if err := e.states.wait(ctx); err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	} // a failure to read the records was told and counted; the other metrics are true
	counts := e.totals.snapshot()
	stats := map[string]float64{}
	for _, name := range totalNames {
		if name != savedMicros && name != loadMicros {
			stats[name] = float64(counts[name])
		}
	}
	maps.Copy(stats, map[string]float64{
		"cache.enabled":   1,
		"cache.bytes":     float64(e.store.Metrics().DiskBytes),
		"cache.hit_exact": float64(counts[hitExactBytes] + counts[hitNormalized]),
		"cache.miss":      float64(counts[missAbsent] + counts[missGuard] + counts[missUnmatched] + counts[missExpired] + counts[missLonger] + counts[missRejected] + counts[missAsked] + counts[missWrong] + counts[missFailed]),
		"cache.bypass":    float64(counts[bypassSampled] + counts[bypassHook] + counts[bypassAsked]),
		"cache.evicted":   float64(counts[evictedBefore] + counts[evictedSize] + counts[evictedBytes] + counts[evictedShare]),
		"cache.saved_ms":  float64(counts[savedMicros]) / 1000,
		"cache.load_ms":   float64(counts[loadMicros]) / 1000,
	})
	e.states.stats(stats, counts)
	if metered, ok := e.options.Hooks.(interface{ Metrics() map[string]float64 }); ok {
		maps.Copy(stats, metered.Metrics())
	}
	return stats, nil
}
