package bench

import (
	"slices"
	"time"
)

// ResumeSetup says what was measured, for whoever reads the report later.
type ResumeSetup struct {
	Model          string `json:"model"`
	Context        int    `json:"context"`
	Threads        int    `json:"threads"`
	KVType         string `json:"kv_type"`
	FlashAttention bool   `json:"flash_attention"`
	TokenBytes     int64  `json:"state_bytes_per_token"` // without what files add
	Tail           int    `json:"tail"`                  // tokens of a prompt behind those that it shares
	Rounds         int    `json:"rounds"`                // asked for
	Seed           uint64 `json:"seed"`
	Version        string `json:"version"` // of kvasir
	Platform       string `json:"platform"`
	Processors     int    `json:"processors"`
	Server         string `json:"llama_server,omitempty"` // name of the program that it is compared with
}

// ResumeReport is what was measured. Times are medians in milliseconds.
type ResumeReport struct {
	ResumeSetup
	Interrupted bool         `json:"interrupted"`
	Rows        []*ResumeRow `json:"rows"` // by length
}

// ResumeRow is what was measured with one length. Ratios are medians of the ratios of each round.
type ResumeRow struct {
	Tokens     int     `json:"tokens"`     // that the prompts share
	Rounds     int     `json:"rounds"`     // that count
	Restored   int     `json:"restored"`   // tokens, the fewest of all rounds
	Cold       float64 `json:"cold_ms"`    // to the first token, read from the beginning
	Resumed    float64 `json:"resumed_ms"` // the same, from saved state
	Restore    float64 `json:"restore_ms"` // of the latter, putting the state back
	Tail       float64 `json:"tail_ms"`    // of the latter, reading the rest
	Prefill    float64 `json:"prefill_ms"` // of the former, reading the prompt
	Ratio      float64 `json:"ratio"`      // cold by resumed
	LeastRatio float64 `json:"least_ratio"`
	Bytes      int64   `json:"bytes"` // of the files of the state of one prompt
	PerToken   float64 `json:"bytes_per_token"`

	Slot *SlotRow `json:"slot,omitempty"`
	// SlotMillis is that of Slot, beside the figures that it is compared with.
	SlotMillis float64 `json:"slot_ms,omitempty"`
}

// SlotRow is what llama-server did for the same prompts, with the file of a slot.
type SlotRow struct {
	Cold    float64 `json:"cold_ms"`
	Resumed float64 `json:"resumed_ms"`
	Restore float64 `json:"restore_ms"`
	Prefill float64 `json:"prefill_ms"`
	Bytes   int64   `json:"bytes"`
	// ResumedRatio is its time by kvasir's, resumed; PrefillRatio the same of reading a prompt from the beginning.
	// Above 1 kvasir is faster.
	ResumedRatio float64 `json:"resumed_ratio"`
	PrefillRatio float64 `json:"prefill_ratio"`
}

// Report sums up what was measured so far. Lengths of which nothing was measured have no row.
func (r *Resume) Report(s ResumeSetup) *ResumeReport {
	p := &ResumeReport{ResumeSetup: s, Rows: []*ResumeRow{}}
	for _, l := range r.runs {
		p.Interrupted = p.Interrupted || l.done < r.Rounds
		if l.done > 0 {
			p.Rows = append(p.Rows, l.row())
		}
	}
	return p
}

func (l *lengthRun) row() *ResumeRow {
	cold, resumed := l.cache.cold[:l.done], l.cache.resumed[:l.done]
	ratios := ratiosOf(cold, resumed, took)
	row := &ResumeRow{
		Tokens: l.length, Rounds: l.done, Restored: slices.MinFunc(resumed, func(a, b FirstToken) int { return a.Restored - b.Restored }).Restored,
		Cold: medianOf(cold, took), Resumed: medianOf(resumed, took), Restore: medianOf(resumed, restore),
		Tail: medianOf(resumed, prefill), Prefill: medianOf(cold, prefill),
		Ratio: median(ratios), LeastRatio: slices.Min(ratios), Bytes: l.cache.bytes,
	}
	row.PerToken = float64(row.Bytes) / float64(l.length)
	if l.slot.arm != nil {
		row.Slot = l.compare(cold, resumed)
		row.SlotMillis = row.Slot.Resumed
	}
	return row
}

func (l *lengthRun) compare(cold, resumed []FirstToken) *SlotRow {
	theirCold, theirResumed := l.slot.cold[:l.done], l.slot.resumed[:l.done]
	return &SlotRow{
		Cold: medianOf(theirCold, took), Resumed: medianOf(theirResumed, took), Restore: medianOf(theirResumed, restore),
		Prefill: medianOf(theirCold, prefill), Bytes: l.slot.bytes,
		ResumedRatio: median(ratiosOf(theirResumed, resumed, took)), PrefillRatio: median(ratiosOf(theirCold, cold, prefill)),
	}
}

func took(f FirstToken) time.Duration    { return f.Took }
func restore(f FirstToken) time.Duration { return f.Restore }
func prefill(f FirstToken) time.Duration { return f.Prefill }

// ratiosOf divides a time of a by that of b, round by round.
func ratiosOf(a, b []FirstToken, of func(FirstToken) time.Duration) []float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = float64(of(a[i])) / float64(max(of(b[i]), 1))
	}
	return ratios
}

func medianOf(list []FirstToken, of func(FirstToken) time.Duration) float64 {
	values := make([]float64, len(list))
	for i := range list {
		values[i] = milliseconds(of(list[i]))
	}
	return median(values)
}

// median returns the middle of values, or the mean of the two in the middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
