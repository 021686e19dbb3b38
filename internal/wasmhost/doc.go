// Package wasmhost runs plugins that are WebAssembly modules and gives each as a hostapi.Plugin.
//
//	runtime, err := wasmhost.Open(ctx, wasmhost.RuntimeOptions{CacheDir: dir})
//	plugin, err := wasmhost.Load(ctx, wasmhost.Options{Runtime: runtime, Name: "fold", Path: "fold.wasm"})
//	text, err := plugin.Normalize(ctx, "Hello")
//
// A process has one Runtime for all its plugins. To replace a plugin, load the new one, publish it, and
// close the old one: Close waits for the calls under way. A caller that still held the old one gets
// hostapi.ErrClosed and asks again.
//
// Three kinds of module can be loaded, and Load tells them apart by what they import and export: those of
// the plugin contract (package hostapi), programs that read and write lines of JSON (stdio.go,
// docs/plugins/stdio.md), and plugins made for Extism (extism.go).
//
// # What a guest can do
//
// Nothing but compute. It has no files, environment, network, clock or chance, except through a grant.
// Every module is rewritten when it is loaded (package meter), so that what it executes is counted in
// steps. A call that uses up its steps ends, whatever it is doing; host functions charge for the bytes
// they are given. A wall deadline many times as long only bounds the damage on a machine that is too slow.
// What a guest returns is checked before anyone sees it.
//
// An instance runs one call at a time. A plugin has a few, made when they are needed. One that crashed, ran
// over its budget or broke the contract is thrown away, and so is one that is old or has grown large.
package wasmhost
