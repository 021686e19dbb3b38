// Package fingerprint says when two requests are the same question to the same model.
//
// ModelID and StateID name what computes: a model as it answers, and the bits of its saved state.
// Canonicalize splits a request into the bytes of everything that can change its answer and the
// subject, the text that a cache looks up. Namespace and ExactKey turn those into keys of one
// tenant with the tenant's salt, which Salts keeps. Files remembers the hashes of model files, so
// that a model of many gigabytes is read once.
//
// All encodings and hashes are drawn in docs/formats/keys.md and held by testdata. Nothing here
// knows a store, a process or a model.
package fingerprint

import "errors"

// ErrMalformed marks bytes that this package did not write, or that were damaged since.
var ErrMalformed = errors.New("malformed")
