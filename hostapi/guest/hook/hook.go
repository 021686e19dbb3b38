// Package hook reads events and writes decisions, for plugins in Go that have hooks.
//
//	//go:wasmexport kvasir_on_hit
//	func onHit(ptr, n uint32) uint64 { return hook.Answer(ptr, n, decide) }
//
//	func decide(e *hostapi.Event) (*hostapi.Decision, error) {
//		if e.Entry.AgeMS < 3_600_000 {
//			return nil, nil // no opinion
//		}
//		no := false
//		return &hostapi.Decision{Accept: &no, Reason: "older than an hour"}, nil
//	}
//
// It is apart from package guest because encoding/json makes a module larger and a call slower. A plugin
// that answers before every lookup may read the few bytes it needs from guest.Call itself.
package hook

import (
	"encoding/json"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/hostapi/guest"
)

// Answer is the body of a hook's function. decide returns nil where it has no opinion. The event is its to
// keep.
func Answer(ptr, n uint32, decide func(*hostapi.Event) (*hostapi.Decision, error)) uint64 {
	return guest.Call(ptr, n, func(dst, input []byte) ([]byte, error) {
		var e hostapi.Event
		if err := json.Unmarshal(input, &e); err != nil {
			return nil, err
		}
		d, err := decide(&e)
		if d == nil || err != nil {
			return nil, err
		}
		if err := d.Check(e.Hook); err != nil {
			return nil, err
		}
		said, err := json.Marshal(d)
		return append(dst, said...), err
	})
}
