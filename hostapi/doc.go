// Package hostapi is version 1 of the contract between Kvasir and its plugins: names, limits, frames
// and the JSON of events and decisions. docs/plugins/abi.md explains it with worked bytes.
//
// It uses the standard library only, so that tools, conformance tests and guests can import it. A guest
// in Go builds on package guest, which needs nothing else.
//
// The package moves no bytes: internal/wasmhost, internal/script and hostapi/process do, each for its
// kind of plugin, and give what they load as a Plugin.
package hostapi
