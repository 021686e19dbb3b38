// Package guest is what a plugin in Go is built on. It speaks version 1 of the plugin contract
// (docs/plugins/abi.md); docs/plugins/go.md is the guide.
//
//	package main
//
//	import "github.com/kvasir-cache/kvasir/hostapi/guest"
//
//	func init() { guest.Describe(`{"name": "shout", "version": "1.0.0"}`) }
//
//	//go:wasmexport kvasir_normalize
//	func normalize(ptr, n uint32) uint64 { return guest.Normalize(ptr, n, shout) }
//
//	func shout(dst []byte, text string) ([]byte, error) {
//		return append(dst, strings.ToUpper(text)...), nil
//	}
//
//	func main() {}
//
// It is built with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w' -o shout.wasm .
//
// A plugin has the roles whose functions it exports, so the line with go:wasmexport is the plugin's own.
// The package exports what every guest has: kvasir_abi_version, kvasir_alloc and kvasir_init.
//
// # Ownership
//
// Texts given to a callback lie in the guest's input buffer. They are valid until the callback returns;
// strings.Clone keeps one. The slice named dst is the guest's output buffer, empty: append to it and
// return it.
//
// An instance runs one call at a time. Goroutines that a callback starts must end before it returns, since
// nothing runs between calls. A panic ends the instance, and the host makes a new one.
//
// # Outside a guest
//
// The package compiles for every platform, so that the code of a plugin can be tested with go test. There
// the host functions do nothing and answer as if the host did not know.
//
// It uses the standard library only, and no reflection or JSON. Package hook, for events, uses both.
package guest
