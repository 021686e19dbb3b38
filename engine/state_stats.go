package engine

// Names of the totals of saved state.
const (
	stateLeases         = "kv.lookups"
	stateResumed        = "kv.resumed"
	stateResumedDecoded = "kv.resumed_decoded"
	stateRestored       = "kv.restored_tokens"
	stateComputed       = "kv.computed_tokens"
	stateRestoreMicros  = "kv.restore_us"
	stateRecomputed     = "kv.recomputed"
	stateSaved          = "kv.saved"
	stateReplaced       = "kv.replaced"
	stateEvicted        = "kv.evicted"
	stateDamaged        = "kv.damaged"
	stateLost           = "kv.lost"
	stateOrphans        = "kv.orphans"
	stateTemps          = "kv.leftovers"
	stateRefused        = "kv.refused"
	stateWithheld       = "kv.withheld"
	stateNoRoom         = "kv.no_room"
	stateTrouble        = "kv.save_failures"
	stateFailures       = "kv.failures"
)

var stateTotalNames = []string{
	stateLeases, stateResumed, stateResumedDecoded, stateRestored, stateComputed, stateRecomputed, stateSaved, stateReplaced,
	stateEvicted, stateDamaged, stateLost, stateOrphans, stateTemps, stateRefused, stateWithheld, stateNoRoom, stateTrouble, stateFailures,
}

// Causes of a removal of saved state.
const (
	StateEvicted  = "evicted"  // for space
	StateReplaced = "replaced" // by a longer chunk that begins like it
	StateDamaged  = "damaged"  // it was not what this store wrote
	StateLost     = "lost"     // its file was gone
)

var stateRemoved = map[string]string{StateEvicted: stateEvicted, StateReplaced: stateReplaced, StateDamaged: stateDamaged, StateLost: stateLost}

// StateRemoveInfo describes a chunk of saved state that is gone.
type StateRemoveInfo struct {
	Key   string // in hex
	Cause string
	Bytes int64
}

// stats adds the metrics of saved state. Counts are over the life of the store.
//
//	kv.enabled           1 if state is saved and restored
//	kv.size              chunks
//	kv.bytes             bytes of their files
//	kv.max_bytes         most that those may be
//	kv.lookups           prompts that saved state was looked for, and inferred
//	kv.resumed           of them, those that were resumed; kv.resumed_decoded from state of decoded tokens
//	kv.restored_tokens   tokens restored
//	kv.computed_tokens   tokens of prompts read by the model
//	kv.restore_ms        what restoring took
//	kv.recomputed        answers read once more for their state
//	kv.saved             chunks saved
//	kv.evicted, kv.replaced, kv.damaged, kv.lost   chunks gone, by cause
//	kv.orphans           files swept that had no record
//	kv.leftovers         unfinished files swept
//	kv.refused           chunks of a host that could not be right
//	kv.withheld          chunks not kept because a hook said so
//	kv.no_room           chunks not kept because nothing else could go
//	kv.save_failures     times that the disk, or the host, could not save
//	kv.failures          times that saved state could not be looked for
func (s *states) stats(into map[string]float64, counts map[string]int64) {
	for _, name := range stateTotalNames {
		into[name] = float64(counts[name])
	}
	into["kv.restore_ms"] = float64(counts[stateRestoreMicros]) / 1000
	if s.dir == "" {
		into["kv.enabled"] = 0
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	into["kv.enabled"] = 1
	into["kv.size"] = float64(len(s.mu.chunks.byKey))
	into["kv.bytes"] = float64(s.mu.chunks.bytes)
	into["kv.max_bytes"] = float64(s.options.MaxBytes)
}
