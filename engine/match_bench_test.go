package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/ngram"
	"github.com/kvasir-cache/kvasir/internal/ngram/corpus"
)

// The benchmarks of matching run on a store of KVASIR_BENCH_ENTRIES prompts of package corpus, 13 variants of
// each text, filled once. A lookup makes the normal form of a prompt, searches the index and reads what may be
// alike from the store; there is no guard. A hit is a new variant of a prompt that is there, a miss a prompt of
// its own. Times are of the processor.

var matchStore struct {
	once   sync.Once
	dir    string
	corpus *corpus.Corpus
	err    error
}

// matchStrategies find the best match by characters and by words, from a floor.
func matchStrategies(floor float64) []*Strategy {
	strategy := func(name string, number byte, grams ngram.Spec) *Strategy {
		s := lowering()
		s.Name, s.Grams, s.Guard, s.Candidates = name, grams, nil, 1
		s.SearchFloor, s.Floor, s.Threshold = floor, floor, floor
		s.Generation = func() [16]byte { return [16]byte{number, byte(s.Kind())} }
		return s
	}
	return []*Strategy{
		strategy("char", 1, ngram.Spec{Unit: ngram.Char, Min: 2, Max: 3}),
		strategy("word", 2, ngram.Spec{Unit: ngram.Word, Min: 1, Max: 2}),
	}
}

func matchOptions(dir string, floor float64) Options {
	o := with(matchStrategies(floor)...)
	o.Dir, o.Strategy, o.MaxEntries, o.TTL = dir, "char", 1<<30, -1
	return o
}

func fillMatch(o Options, c *corpus.Corpus) error {
	e, err := Open(o)
	if err != nil {
		return err
	}
	var last Receipt
	for i, text := range c.Texts {
		if last, err = e.Remember(context.Background(), ask(text), &Result{Text: "x", FinishReason: base.FinishStop}); err != nil {
			return err
		}
		if i%1000 == 999 || i == len(c.Texts)-1 {
			if err := last.Wait(context.Background()); err != nil {
				return err
			}
		}
	}
	return e.Close()
}

// openMatch opens the store with strategies of a floor, its index read.
func openMatch(b *testing.B, floor float64) *Engine {
	b.Helper()
	s := &matchStore
	s.once.Do(func() {
		s.corpus = corpus.New(benchEntries(b))
		if s.dir, s.err = os.MkdirTemp("", "kvasir-bench-"); s.err == nil {
			s.err = fillMatch(matchOptions(filepath.Join(s.dir, "db"), 0.7), s.corpus)
		}
	})
	if s.err != nil {
		b.Fatal(s.err)
	}
	e, err := Open(matchOptions(filepath.Join(s.dir, "db"), floor))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = e.Close() })
	look(b, e, ask("loads the strategies"))
	return e
}

func BenchmarkMatch(all *testing.B) {
	for _, floor := range []float64{0.9, 0.8, 0.7, 0.6, 0.5} { // those of one kind of signature together
		var e *Engine
		for _, strategy := range []string{"char", "word"} {
			for _, kind := range []string{"hit", "miss"} {
				all.Run(fmt.Sprintf("%s/floor=%.1f/%s", strategy, floor, kind), func(b *testing.B) {
					if e == nil {
						e = openMatch(all, floor)
						e.matching.filling.waitFor(context.Background(), time.Hour) // signatures may be of another kind
					}
					measureMatch(b, e, strategy, matchQueries(kind))
				})
			}
		}
		if e != nil {
			_ = e.Close()
		}
	}
}

func matchQueries(kind string) []string {
	c := corpus.New(2000) // the same beginning, so that its variants are of texts that are there
	if kind == "hit" {
		return c.Variants(1000)
	}
	return c.Strangers(1000)
}

func measureMatch(b *testing.B, e *Engine, strategy string, prompts []string) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	runtime.GC()
	var ours []time.Duration
	before := statsOf(e)
	for b.Loop() {
		n := len(ours)
		q := named(ask(prompts[n%len(prompts)]), strategy)
		start := corpus.CPUTime()
		if _, err := e.Lookup(context.Background(), q); err != nil {
			b.Fatal(err)
		}
		ours = append(ours, corpus.CPUTime()-start)
	}
	after := statsOf(e)
	slices.Sort(ours)
	n := float64(len(ours))
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(ours[len(ours)/2])/1000, "cpu-p50-µs")
	b.ReportMetric(float64(ours[len(ours)*99/100])/1000, "cpu-p99-µs")
	b.ReportMetric((after["cache.hit_approx"]-before["cache.hit_approx"])/n, "found/op")
	b.ReportMetric((after["cache.search_incomplete"]-before["cache.search_incomplete"])/n, "incomplete/op")
}

// BenchmarkMatch_Remember remembers with and without strategies, by turns. The difference is what forms, sets,
// signatures and index cost an insert.
func BenchmarkMatch_Remember(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	o := matchOptions("", 0.7)
	strategies := matchStrategies(0.7)[:1]
	o.Strategies = func(context.Context) ([]*Strategy, error) { return strategies, nil }
	indexed, plain := openEngine(b, o), openEngine(b, Options{MaxEntries: 1 << 30})
	look(b, indexed, ask("loads the strategies"))
	texts := corpus.New(20000).Texts
	var with, without time.Duration
	for n := 0; b.Loop(); n++ {
		q := ask(texts[n%len(texts)] + strings.Repeat("!", n/len(texts)))
		for _, c := range []struct {
			e    *Engine
			took *time.Duration
		}{{indexed, &with}, {plain, &without}} {
			start := corpus.CPUTime()
			if _, err := c.e.Remember(context.Background(), q, &Result{Text: "x", FinishReason: base.FinishStop}); err != nil {
				b.Fatal(err)
			}
			*c.took += corpus.CPUTime() - start
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(with-without)/float64(b.N)/1000, "cpu-µs-more/op")
	b.ReportMetric(float64(without)/float64(b.N)/1000, "cpu-µs-without/op")
}

// BenchmarkMatch_Open opens a store and reads its index, which the first lookup that is no exact hit does. The store
// was filled with one strategy, as the default configuration has; that by characters takes more. It reports what a
// signature takes in memory.
func BenchmarkMatch_Open(b *testing.B) {
	dir, c := filepath.Join(b.TempDir(), "db"), corpus.New(benchEntries(b))
	o := matchOptions(dir, 0.7)
	strategies := matchStrategies(0.7)[:1]
	o.Strategies = func(context.Context) ([]*Strategy, error) { return strategies, nil }
	if err := fillMatch(o, c); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		e := openEngine(b, o)
		look(b, e, ask("loads the strategies"))
		b.StopTimer()
		stats := e.loadedMatcher().index.Stats()
		b.ReportMetric(float64(stats.Bytes)/float64(stats.Entries), "B/signature")
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
