//go:build llama && linux

package llama

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/atlas"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// resident returns this process's memory in KiB, C and Go together.
func resident(t *testing.T) int {
	t.Helper()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, pages int
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize() >> 10
}

// slack is what the allocators may keep between two measurements, in KiB. One leaked context of
// atlas would be 1.5 MiB of KV alone each time.
const slack = 8 << 10

func TestMemory_StaysFlatOverLoads(t *testing.T) {
	path := atlasPath(t)
	cycle := func() {
		h, err := Load(t.Context(), base.LoadOptions{Model: path}, func(string, float64) {})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ask(h, "What is the capital of France?"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Embed(t.Context(), []string{"x"}); err != nil {
			t.Fatal(err)
		}
		h.(*Host).Close()
	}
	for range 10 {
		cycle()
	}
	before := resident(t)
	for range 50 {
		cycle()
	}
	if after := resident(t); after > before+slack {
		t.Errorf("memory grew from %d to %d KiB over 50 loads", before, after)
	}
}

func TestMemory_StaysFlatOverGenerations(t *testing.T) {
	h := load(t, base.LoadOptions{Parallel: 4})
	facts := atlas.Facts()
	run := func(n int) {
		var all sync.WaitGroup
		next := make(chan int)
		for range 4 {
			all.Go(func() {
				for i := range next {
					one(t, h, i, facts[i%len(facts)].Prompt)
				}
			})
		}
		for i := range n {
			next <- i
		}
		close(next)
		all.Wait()
	}
	run(200)
	before := resident(t)
	run(2000)
	if after := resident(t); after > before+slack {
		t.Errorf("memory grew from %d to %d KiB over 2,000 generations", before, after)
	}
}

// one makes a generation of one kind or another: greedy, sampled, under a grammar, or given up.
func one(t *testing.T, h *Host, i int, question string) {
	r := chat(question)
	r.MaxTokens = 4
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	switch i % 4 {
	case 1:
		r.Sampling = base.Sampling{Temperature: 1, TopK: 40, TopP: 0.9, MinP: 0.05, RepeatPenalty: 1.1}
	case 2:
		r.Sampling.Grammar = `root ::= [a-z ]+`
	case 3:
		cancel()
	}
	if _, err := h.Generate(ctx, r, func(base.Chunk) error { return nil }); err != nil && i%4 != 3 {
		t.Error(err)
	}
}
