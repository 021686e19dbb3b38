// Calls every host function that needs a grant, and says in its decisions what came back.
package main

import (
	"fmt"
	"strconv"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/hostapi/guest"
	"github.com/kvasir-cache/kvasir/hostapi/guest/hook"
)

//go:wasmexport kvasir_on_lookup
func onLookup(ptr, n uint32) uint64 {
	return hook.Answer(ptr, n, func(e *hostapi.Event) (*hostapi.Decision, error) {
		tokens, ok := guest.AppendTokens(nil, e.Request.Prompt)
		b := make([]byte, 4)
		guest.Random(b)
		guest.Log(guest.Info, "looked up")
		return &hostapi.Decision{Reason: fmt.Sprintf("%v %v %d %x", tokens, ok, guest.NowMS(), b)}, nil
	})
}

// onHit counts calls.
//
//go:wasmexport kvasir_on_hit
func onHit(ptr, n uint32) uint64 {
	return hook.Answer(ptr, n, func(e *hostapi.Event) (*hostapi.Decision, error) {
		value, _ := guest.Load(nil, "hits")
		hits, _ := strconv.Atoi(string(value))
		if !guest.Store("hits", strconv.AppendInt(nil, int64(hits+1), 10)) {
			return nil, fmt.Errorf("the host keeps nothing")
		}
		accept := hits < 2
		return &hostapi.Decision{Accept: &accept, Reason: e.Entry.ID}, nil
	})
}

//go:wasmexport kvasir_on_miss
func onMiss(ptr, n uint32) uint64 {
	return hook.Answer(ptr, n, func(*hostapi.Event) (*hostapi.Decision, error) { return nil, nil })
}

// onEvict says what its hook may not say.
//
//go:wasmexport kvasir_on_evict
func onEvict(ptr, n uint32) uint64 {
	return hook.Answer(ptr, n, func(*hostapi.Event) (*hostapi.Decision, error) {
		return &hostapi.Decision{Bypass: new(bool)}, nil
	})
}

func main() {}
