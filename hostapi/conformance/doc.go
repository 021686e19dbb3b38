// Package conformance checks that a plugin keeps its side of the contract in package hostapi, whatever
// language it is written in and whatever runs it.
//
// In a test:
//
//	vectors, err := conformance.ReadVectors(file)
//	conformance.Run(t, plugin, conformance.Options{Vectors: vectors})
//
// Elsewhere, Check returns a Report to print.
//
// Only what the contract asks of every plugin is checked, and vectors say what this one is to do. Texts
// that it gives a plugin are valid UTF-8, as the contract promises; with Options.Host it looks whether
// others are refused. The same seed makes the same texts.
//
// It does not measure time or memory, and it cannot show that a plugin is any good.
package conformance
