package hostapi

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// Decision is what a hook says. A nil field is no opinion. Each hook has its own fields; others are an
// error.
type Decision struct {
	// on_lookup
	Bypass   *bool   `json:"bypass,omitempty"`   // leave the cache out of this request
	Strategy *string `json:"strategy,omitempty"` // look it up by this strategy; "exact" allows no other text
	Topic    *string `json:"topic,omitempty"`    // on_store too: what the entry belongs to
	// on_hit
	Accept *bool `json:"accept,omitempty"` // false: this entry does not serve this request
	// on_miss
	Resume            *bool `json:"resume,omitempty"`              // false: compute from the beginning
	MaxRestoredTokens *int  `json:"max_restored_tokens,omitempty"` // resume from no more than these
	// on_store
	Store     *bool    `json:"store,omitempty"`      // false: forget the answer
	TTLMS     *int64   `json:"ttl_ms,omitempty"`     // serve it no longer than this
	Tags      []string `json:"tags,omitempty"`       // to find it by
	SaveState *bool    `json:"save_state,omitempty"` // false: do not save the model's state
	// on_evict
	Keep *bool `json:"keep,omitempty"` // true: let another entry go

	Reason string `json:"reason,omitempty"` // a sentence for a person
}

// Bounds of what a decision may say.
const (
	MaxTags  = 16
	MaxLabel = 64 // bytes of a topic, a tag or the name of a strategy
	MaxTTL   = 100 * 365 * 24 * time.Hour
)

// DecodeDecision reads what a hook said about an event of its kind. No data is no opinion: nil.
func DecodeDecision(hook Role, data []byte) (*Decision, error) {
	if len(data) == 0 {
		return nil, nil
	}
	var d Decision
	if err := decodeStrict("decision", data, &d); err != nil {
		return nil, err
	}
	return &d, d.Check(hook)
}

// Check reports what a hook of this kind may not say.
func (d *Decision) Check(hook Role) error {
	for _, f := range []struct {
		name  string
		given bool
		in    []Role
	}{
		{"bypass", d.Bypass != nil, []Role{RoleOnLookup}},
		{"strategy", d.Strategy != nil, []Role{RoleOnLookup}},
		{"topic", d.Topic != nil, []Role{RoleOnLookup, RoleOnStore}},
		{"accept", d.Accept != nil, []Role{RoleOnHit}},
		{"resume", d.Resume != nil, []Role{RoleOnMiss}},
		{"max_restored_tokens", d.MaxRestoredTokens != nil, []Role{RoleOnMiss}},
		{"store", d.Store != nil, []Role{RoleOnStore}},
		{"ttl_ms", d.TTLMS != nil, []Role{RoleOnStore}},
		{"tags", d.Tags != nil, []Role{RoleOnStore}},
		{"save_state", d.SaveState != nil, []Role{RoleOnStore}},
		{"keep", d.Keep != nil, []Role{RoleOnEvict}},
	} {
		if f.given && !slices.Contains(f.in, hook) {
			return fmt.Errorf("%w: decision: %s is not for %s", ErrOutput, f.name, hook)
		}
	}
	return d.checkValues()
}

func (d *Decision) checkValues() error {
	switch {
	case d.MaxRestoredTokens != nil && *d.MaxRestoredTokens < 0:
		return fmt.Errorf("%w: decision: max_restored_tokens is negative", ErrOutput)
	case d.TTLMS != nil && (*d.TTLMS < 0 || *d.TTLMS > MaxTTL.Milliseconds()):
		return fmt.Errorf("%w: decision: ttl_ms is %d, want 0 to %d", ErrOutput, *d.TTLMS, MaxTTL.Milliseconds())
	case len(d.Tags) > MaxTags:
		return fmt.Errorf("%w: decision: %d tags, at most %d are allowed", ErrOutput, len(d.Tags), MaxTags)
	case d.Topic != nil && !label(*d.Topic, true):
		return fmt.Errorf("%w: decision: topic %q is not a text of at most %d bytes", ErrOutput, *d.Topic, MaxLabel)
	case d.Strategy != nil && !label(*d.Strategy, false):
		return fmt.Errorf("%w: decision: strategy %q is not a text of 1 to %d bytes", ErrOutput, *d.Strategy, MaxLabel)
	case len(d.Reason) > MaxMessage || !utf8.ValidString(d.Reason):
		return fmt.Errorf("%w: decision: the reason is no text of at most %d bytes", ErrOutput, MaxMessage)
	}
	for _, tag := range d.Tags {
		if !label(tag, false) {
			return fmt.Errorf("%w: decision: tag %q is not a text of 1 to %d bytes", ErrOutput, tag, MaxLabel)
		}
	}
	return nil
}

func label(text string, empty bool) bool {
	return len(text) <= MaxLabel && utf8.ValidString(text) && (empty || text != "")
}

// Merge returns what several hooks of one kind say together: of two opinions the more cautious one. For a
// topic that is the first; two strategies that differ leave only "exact". Tags add up. The reason is the
// first that comes with something held back, or, where nothing is, the first there is.
func Merge(decisions ...*Decision) Decision {
	var all Decision
	for _, d := range decisions {
		if d != nil {
			all.add(d)
		}
	}
	return all
}

func (d *Decision) add(o *Decision) {
	if held, holds := d.restrains(), o.restrains(); holds && !held || holds == held && d.Reason == "" {
		d.Reason = o.Reason
	}
	d.Bypass = either(d.Bypass, o.Bypass, true)
	d.Accept = either(d.Accept, o.Accept, false)
	d.Resume = either(d.Resume, o.Resume, false)
	d.Store = either(d.Store, o.Store, false)
	d.SaveState = either(d.SaveState, o.SaveState, false)
	d.Keep = either(d.Keep, o.Keep, true)
	d.MaxRestoredTokens = least(d.MaxRestoredTokens, o.MaxRestoredTokens)
	d.TTLMS = least(d.TTLMS, o.TTLMS)
	d.Strategy = stricter(d.Strategy, o.Strategy)
	if d.Topic == nil {
		d.Topic = o.Topic
	}
	for _, tag := range o.Tags {
		if !slices.Contains(d.Tags, tag) && len(d.Tags) < MaxTags {
			d.Tags = append(d.Tags, tag)
		}
	}
}

// restrains reports whether d holds something back.
func (d *Decision) restrains() bool {
	is := func(b *bool, cautious bool) bool { return b != nil && *b == cautious }
	return is(d.Bypass, true) || is(d.Accept, false) || is(d.Resume, false) || is(d.Store, false) || is(d.Keep, true)
}

// either returns the cautious opinion if one of two has it, else the one there is.
func either(a, b *bool, cautious bool) *bool {
	if a == nil || b != nil && *b == cautious {
		return b
	}
	return a
}

func least[N int | int64](a, b *N) *N {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}

// StrategyExact is the strategy that serves a request only by exactly the same one.
const StrategyExact = "exact"

func stricter(a, b *string) *string {
	switch {
	case a == nil:
		return b
	case b == nil || *a == *b:
		return a
	}
	exact := StrategyExact
	return &exact
}
