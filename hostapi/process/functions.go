package process

import (
	"context"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Functions is a process plugin. It has the role of each function that is there, and Manifest.Roles may
// name fewer. The functions are called from many goroutines at once.
//
// The context of a call ends when nobody waits for the answer any more. A function that runs ten seconds
// longer (or what kvasir is told instead) is taken for one that hangs, and the process is killed.
// A panic in a function fails its call and no other. Normalize, Features and Score must be pure: the same
// answer for the same texts and configuration, in every process. A plugin whose answers change says
// another Manifest.Version.
type Functions struct {
	Manifest hostapi.Manifest

	// Normalize returns the normal form of text: UTF-8, at most hostapi.MaxText bytes.
	Normalize func(ctx context.Context, text string) (string, error)
	// Features returns for each text a set of numbers, ascending and each once.
	Features func(ctx context.Context, texts []string) ([][]uint64, error)
	// Score returns for each candidate how alike it is to query, in [0,1].
	Score func(ctx context.Context, query string, candidates []string) ([]float32, error)
	// Explain says why a candidate has its score.
	Explain func(ctx context.Context, query, candidate string) (*hostapi.Explanation, error)

	OnLookup, OnHit, OnMiss, OnStore, OnEvict Hook

	// Close is called when kvasir asks the process to stop, and has two seconds. It is not called when
	// kvasir dies or kills the process.
	Close func() error
}

// Hook says what it thinks of an event. A nil decision is no opinion.
type Hook func(ctx context.Context, e *hostapi.Event) (*hostapi.Decision, error)

// hook returns the function for a role, or nil.
func (f *Functions) hook(r hostapi.Role) Hook {
	switch r {
	case hostapi.RoleOnLookup:
		return f.OnLookup
	case hostapi.RoleOnHit:
		return f.OnHit
	case hostapi.RoleOnMiss:
		return f.OnMiss
	case hostapi.RoleOnStore:
		return f.OnStore
	case hostapi.RoleOnEvict:
		return f.OnEvict
	}
	return nil
}

// has reports whether there is a function for a role.
func (f *Functions) has(r hostapi.Role) bool {
	switch r {
	case hostapi.RoleNormalize:
		return f.Normalize != nil
	case hostapi.RoleFeatures:
		return f.Features != nil
	case hostapi.RoleScore:
		return f.Score != nil
	}
	return f.hook(r) != nil
}

// roles returns the roles that there are functions for, in the order of the contract.
func (f *Functions) roles() []hostapi.Role {
	var roles []hostapi.Role
	for _, r := range hostapi.Roles() {
		if f.has(r) {
			roles = append(roles, r)
		}
	}
	return roles
}
