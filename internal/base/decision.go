package base

// Action says what a lookup decided.
type Action string

const (
	ActionAnswer Action = "answer" // serve the stored answer
	ActionResume Action = "resume" // restore saved state and compute the rest
	ActionMiss   Action = "miss"   // nothing stored serves; infer, then remember
	ActionBypass Action = "bypass" // the cache is not asked and remembers nothing
)

// Kind says how a stored answer was found.
type Kind string

const (
	KindNone       Kind = ""
	KindExact      Kind = "exact"      // the same bytes
	KindNormalized Kind = "normalized" // the same normal form
	KindApprox     Kind = "approx"     // alike enough for the strategy
)

// Decision is what the cache does with a request, and why.
type Decision struct {
	Action Action
	Kind   Kind
	Score  float64 // in [0,1]; 1 for exact and normalized
	Reason string  // a sentence for a person, without a full stop
	Entry  string  // id of the entry that serves, in hex; empty if none does
}
