package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/seal"
)

// The benchmarks run on a store of KVASIR_BENCH_ENTRIES entries, 100,000 if it is not set, filled once for
// all of them from a seed. Times are medians, and ratios to a plain get of an entry's record in the same
// run, since machines differ more than builds do.

const benchVariable = "KVASIR_BENCH_ENTRIES"

func benchEntries(tb testing.TB) int {
	text := os.Getenv(benchVariable)
	if text == "" {
		return 100_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		tb.Fatalf("%s is %q; it must be a number of entries", benchVariable, text)
	}
	return n
}

// benchSealed has the store of the benchmarks sealed.
const benchSealed = "KVASIR_BENCH_SEALED"

func benchKey() *seal.Key {
	if os.Getenv(benchSealed) == "" {
		return nil
	}
	key, _ := seal.ParseKey(strings.Repeat("5a", 32)) // it is one
	return key
}

// sampleQuery is the request with the given number, a question of about 200 bytes after a system message.
func sampleQuery(n int) *Query {
	random := rand.New(rand.NewPCG(7, uint64(n)))
	return &Query{Model: ModelID{1}, Request: &base.Request{Messages: []base.Message{
		{Role: base.RoleSystem, Content: "You are a helpful assistant. Answer in one paragraph."},
		{Role: base.RoleUser, Content: fmt.Sprint(n, ": ", sampleText(random, 30))},
	}}}
}

// sampleResult is an answer of about 600 bytes and 100 tokens.
func sampleResult(n int) *Result {
	random := rand.New(rand.NewPCG(11, uint64(n)))
	r := &Result{Text: sampleText(random, 90), FinishReason: base.FinishStop, Timings: base.Timings{Decode: time.Second}}
	for range 100 {
		r.PromptTokens = append(r.PromptTokens, random.Int32N(49152))
		r.Tokens = append(r.Tokens, random.Int32N(49152))
	}
	return r
}

func sampleText(random *rand.Rand, words int) string {
	var text []byte
	for range words {
		// Small numbers are frequent, as common words are.
		word := int(random.ExpFloat64() * 300)
		text = fmt.Appendf(text, "%s%d ", []string{"ka", "lo", "mi", "ret", "sun"}[word%5], word)
	}
	return string(text)
}

var benchStore struct {
	once sync.Once
	dir  string
	rate float64 // entries/s while it was filled
	err  error
}

func openBench(b *testing.B) *Engine {
	b.Helper()
	benchStore.once.Do(func() {
		if benchStore.dir, benchStore.err = os.MkdirTemp("", "kvasir-bench-"); benchStore.err == nil {
			benchStore.rate, benchStore.err = fillBench(filepath.Join(benchStore.dir, "db"), benchEntries(b))
		}
	})
	if benchStore.err != nil {
		b.Fatal(benchStore.err)
	}
	e, err := Open(Options{Key: benchKey(), Dir: filepath.Join(benchStore.dir, "db"), MustExist: true, MaxEntries: 1 << 30, TTL: -1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = e.Close() })
	return e
}

// fillBench remembers entries and returns how many a second, the last receipt waited for.
func fillBench(dir string, entries int) (rate float64, err error) {
	e, err := Open(Options{Key: benchKey(), Dir: dir, MaxEntries: 1 << 30, TTL: -1})
	if err != nil {
		return 0, err
	}
	var spent time.Duration
	for first := 0; first < entries; first += 1000 {
		queries, results := make([]*Query, 1000), make([]*Result, 1000)
		for i := range queries {
			queries[i], results[i] = sampleQuery(first+i), sampleResult(first+i)
		}
		began := time.Now()
		var last Receipt
		for i, q := range queries {
			if last, err = e.Remember(context.Background(), q, results[i]); err != nil {
				return 0, err
			}
		}
		if err := last.Wait(context.Background()); err != nil {
			return 0, err
		}
		spent += time.Since(began)
	}
	return float64(entries) / spent.Seconds(), e.Close()
}

// BenchmarkRemember reports how fast the store of the others was filled: by one goroutine, with a sync
// every 1,000 entries.
func BenchmarkRemember(b *testing.B) {
	openBench(b)
	for b.Loop() { // the figure is of the filling
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(benchStore.rate, "entries/s")
}

func BenchmarkLookup(b *testing.B) {
	e, entries := openBench(b), benchEntries(b)
	for _, c := range []struct {
		name string
		pick func(random *rand.Rand) int
		want base.Action
	}{
		{"exact", func(r *rand.Rand) int { return r.IntN(entries) }, base.ActionAnswer},
		{"hot", func(r *rand.Rand) int { return r.IntN(1000) }, base.ActionAnswer},
		{"miss", func(r *rand.Rand) int { return entries + 1000 + r.IntN(entries) }, base.ActionMiss},
	} {
		b.Run(c.name, func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 1))
			var raw, ours []time.Duration
			for b.Loop() {
				// Another entry for each, so that neither finds what the other has just read.
				q, id := sampleQuery(c.pick(random)), keyspace.ID(1+random.IntN(entries))
				raw = append(raw, timed(func() { plainGet(b, e, id) }))
				ours = append(ours, timed(func() {
					if found, err := e.Lookup(context.Background(), q); err != nil || found.Action != c.want {
						b.Fatalf("found %+v, %v", found, err)
					}
				}))
			}
			reportLookups(b, raw, ours)
		})
	}
}

// plainGet is the measure: one get of an entry's record, and nothing done with it.
func plainGet(b *testing.B, e *Engine, id keyspace.ID) {
	if err := e.store.View(keyspace.EntryKey(id), func([]byte) error { return nil }); err != nil {
		b.Fatal(err)
	}
}

func timed(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}

func reportLookups(b *testing.B, raw, ours []time.Duration) {
	slices.Sort(raw)
	slices.Sort(ours)
	middle := len(ours) / 2
	b.ReportMetric(0, "ns/op") // of both together; says nothing
	b.ReportMetric(float64(ours[middle]), "p50-ns")
	b.ReportMetric(float64(ours[len(ours)*99/100]), "p99-ns")
	b.ReportMetric(float64(raw[middle]), "raw-p50-ns")
	b.ReportMetric(float64(ours[middle])/float64(raw[middle]), "x-raw")
}

func BenchmarkOpen(b *testing.B) {
	openBench(b).Close()
	for b.Loop() {
		e := openBench(b)
		b.StopTimer()
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkLedger reads what the engine knows of all entries, as it does a moment after it was opened, and chooses what
// would go were the store a little too large.
func BenchmarkLedger(b *testing.B) {
	e := openBench(b)
	var read, chosen time.Duration
	for b.Loop() {
		began := time.Now()
		rows, err := e.readLedger(e.store.Walk)
		if err != nil {
			b.Fatal(err)
		}
		read += time.Since(began)
		began = time.Now()
		p := &plan{rows: rows, want: room{int64(len(rows)) * 63 / 64, 1 << 60}, topic: 8, share: func(uint32) float64 { return 1 }}
		if len(p.victims()) == 0 {
			b.Fatal("nothing goes")
		}
		chosen += time.Since(began)
	}
	b.ReportMetric(float64(read.Milliseconds())/float64(b.N), "read-ms")
	b.ReportMetric(float64(chosen.Milliseconds())/float64(b.N), "choose-ms")
}
