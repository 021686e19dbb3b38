package prochost

import (
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/hosttest/testproc"
)

// openBench opens a fake host for a benchmark.
func openBench(b *testing.B) *Host {
	b.Helper()
	path, env, err := testproc.Command()
	if err != nil {
		b.Fatal(err)
	}
	model := b.TempDir() + "/model"
	if err := testproc.WriteModel(model, testproc.Model{}); err != nil {
		b.Fatal(err)
	}
	h, err := Open(b.Context(), Options{Path: path, Env: env, Load: base.LoadOptions{Model: model}})
	if err != nil {
		b.Fatal(err)
	}
	return h
}

// BenchmarkTokenize is the cost of a call to the process and back.
func BenchmarkTokenize(b *testing.B) {
	h := openBench(b)
	defer h.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Tokenize(b.Context(), "a short text", true); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGenerate is the cost of a stream of 16 chunks or fewer; the fake host itself takes
// microseconds.
func BenchmarkGenerate(b *testing.B) {
	h := openBench(b)
	defer h.Close()
	b.ReportAllocs()
	chunks := 0
	for b.Loop() {
		_, err := h.Generate(b.Context(), &base.Request{Prompt: "hello"}, func(base.Chunk) error { chunks++; return nil })
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(chunks)/float64(b.N), "chunks/op")
}

// BenchmarkOpen is the cost of a start with the handshake and an empty load, and of Close.
func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		openBench(b).Close()
	}
}
