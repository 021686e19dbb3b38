package hostapi

import (
	"context"
	"errors"
)

// Plugin is a loaded plugin, whatever runs it. Its methods may be called from many goroutines. A method
// for a role that the plugin has not returns ErrRole. No method keeps or changes what it is given.
//
// Errors are about the plugin: they wrap one of the sentinels below. The exception is a text that no plugin
// is given, one that is not valid UTF-8 or has more than MaxText bytes; that is the caller's mistake.
type Plugin interface {
	// Manifest says what the plugin is. It does not change.
	Manifest() *Manifest
	// Normalize returns the normal form of text: UTF-8, at most MaxText bytes.
	Normalize(ctx context.Context, text string) (string, error)
	// Features returns for each text a set of numbers, ascending and each once. At most MaxCandidates
	// texts.
	Features(ctx context.Context, texts []string) ([][]uint64, error)
	// Score returns for each candidate how alike it is to query, in [0,1]. At most MaxCandidates.
	Score(ctx context.Context, query string, candidates []string) ([]float32, error)
	// Hook asks about an event. A nil decision is no opinion.
	Hook(ctx context.Context, e *Event) (*Decision, error)
	// Close waits for the calls under way and ends the plugin.
	Close() error
}

// Explainer is a Plugin that can say why a candidate has its score.
type Explainer interface {
	Explain(ctx context.Context, query, candidate string) (*Explanation, error)
}

// Sentinels of what can be wrong with a plugin.
var (
	ErrRole   = errors.New("the plugin does not have this role")
	ErrLoad   = errors.New("the plugin cannot be loaded")
	ErrBudget = errors.New("the plugin used up its budget")
	ErrTrap   = errors.New("the plugin crashed")
	ErrOutput = errors.New("the plugin broke the contract")
	ErrFailed = errors.New("the plugin reported an error")
	ErrBusy   = errors.New("the plugin had no instance free in time")
	ErrRests  = errors.New("the plugin rests after repeated failures")
	ErrClosed = errors.New("the plugin is closed")
)

// Explanation says why a scorer gave a candidate its score.
type Explanation struct {
	Verdict     string       `json:"verdict"` // "same" or "different"
	Reason      string       `json:"reason"`  // a sentence for a person, without a full stop
	Differences []Difference `json:"differences,omitempty"`
}

// Difference is one place where the aligned texts differ.
type Difference struct {
	Type      string `json:"type"` // number, symbol, negation, name, …
	Query     string `json:"query"`
	Candidate string `json:"candidate"`
	At        [4]int `json:"at"`      // bytes: from and to in the query, from and to in the candidate
	Allowed   bool   `json:"allowed"` // it cannot change the answer
}
