//go:build llama

package llama

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/testmodel"
)

const (
	benchPrompt = 512 // tokens read
	benchAnswer = 64  // tokens decoded
)

// benchHost loads the random-weight model that costs what SmolLM2-135M Q8_0 costs.
func benchHost(b *testing.B, parallel int) *Host {
	b.Helper()
	path, err := testmodel.Cached(testmodel.SmolLM2_135M, testmodel.Q8_0)
	if err != nil {
		b.Fatal(err)
	}
	return load(b, base.LoadOptions{Model: path, Context: 1024, Parallel: parallel})
}

func benchTokens(n int) []base.Token {
	tokens := make([]base.Token, n)
	for i := range tokens {
		tokens[i] = base.Token(300 + i*7%600)
	}
	return tokens
}

// speed runs one generation and returns its tokens a second, reading and decoding.
func speed(b *testing.B, h *Host, prompt, answer int) (prefill, decode float64) {
	b.Helper()
	r := &base.Request{Tokens: benchTokens(prompt), MaxTokens: answer}
	got, err := h.Generate(b.Context(), r, func(base.Chunk) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	if got.Usage.CompletionTokens != answer {
		b.Fatalf("the answer ended after %d of %d tokens", got.Usage.CompletionTokens, answer)
	}
	return float64(prompt) / got.Timings.Prefill.Seconds(), float64(answer-1) / got.Timings.Decode.Seconds()
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// BenchmarkHost measures one stream, and the throughput of two at once against one, in turns.
func BenchmarkHost(b *testing.B) {
	h := benchHost(b, 2)
	var prefills, decodes, gains []float64
	for b.Loop() {
		prefill, _ := speed(b, h, benchPrompt, 2)
		_, decode := speed(b, h, 8, benchAnswer)
		one, two := together(b, h, 1), together(b, h, 2)
		prefills, decodes, gains = append(prefills, prefill), append(decodes, decode), append(gains, two/one)
	}
	b.ReportMetric(median(prefills), "prefill-tok/s")
	b.ReportMetric(median(decodes), "decode-tok/s")
	b.ReportMetric(median(gains), "two-streams/one")
	b.ReportMetric(0, "ns/op")
}

// together returns the tokens a second of n streams begun at once, over the time of all of them.
func together(b *testing.B, h *Host, n int) float64 {
	var streams sync.WaitGroup
	began := time.Now()
	for range n {
		streams.Go(func() { speed(b, h, 8, benchAnswer) })
	}
	streams.Wait()
	return float64(n*benchAnswer) / time.Since(began).Seconds()
}

// BenchmarkAgainstLlamaBench compares this host with llama.cpp's own llama-bench, in turns, with
// equal settings. The variable LLAMA_BENCH names that program; make bench-llama builds it.
func BenchmarkAgainstLlamaBench(b *testing.B) {
	program := os.Getenv("LLAMA_BENCH")
	if program == "" {
		b.Skip("LLAMA_BENCH is not set; make bench-llama sets it")
	}
	h := benchHost(b, 1)
	var prefills, decodes []float64
	for b.Loop() {
		theirPrefill, theirDecode := llamaBench(b, program, h)
		prefill, _ := speed(b, h, benchPrompt, 2)
		_, decode := speed(b, h, 8, benchAnswer+1)
		prefills, decodes = append(prefills, prefill/theirPrefill), append(decodes, decode/theirDecode)
		b.Logf("prefill %.1f to %.1f tokens/s, decode %.1f to %.1f", prefill, theirPrefill, decode, theirDecode)
	}
	b.ReportMetric(median(prefills), "prefill-ratio")
	b.ReportMetric(median(decodes), "decode-ratio")
	b.ReportMetric(0, "ns/op")
}

// llamaBench returns the tokens a second of one run of llama-bench.
func llamaBench(b *testing.B, program string, h *Host) (prefill, decode float64) {
	b.Helper()
	out, err := exec.Command(program, "-m", h.options.Model, "-p", fmt.Sprint(benchPrompt), "-n", fmt.Sprint(benchAnswer),
		"-t", fmt.Sprint(h.options.Threads), "-b", "2048", "-ub", "512", "-fa", "0", "-r", "1", "-o", "json").Output()
	if err != nil {
		b.Fatal(err)
	}
	var rows []struct {
		Prompt int     `json:"n_prompt"`
		Speed  float64 `json:"avg_ts"`
	}
	if err := json.Unmarshal(out, &rows); err != nil || len(rows) != 2 {
		b.Fatalf("llama-bench printed %q: %v", out, err)
	}
	for _, row := range rows {
		if row.Prompt > 0 {
			prefill = row.Speed
		} else {
			decode = row.Speed
		}
	}
	return prefill, decode
}
