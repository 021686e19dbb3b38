// Package llama binds llama.cpp and runs inference hosts on it.
//
// The lower half is the binding: Model, Context, Batch, Sampler, one file for each area of
// llama.h. A Model may be shared by goroutines; a Context and everything made from it belong to
// one goroutine at a time. No C type appears in an exported signature.
//
// The upper half is Load, which opens a model and a context with one stream for each request and
// returns a base.Host that batches requests together (see internal/schedule).
//
// Everything that touches C is behind the build tag llama; without it Load reports that this
// binary holds no llama.cpp. llama.cpp ends its process on some inputs, so programs that must
// outlive it run this package in a process of its own, as cmd/kvasir-llama does.
package llama
