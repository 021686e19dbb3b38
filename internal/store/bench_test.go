package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// The benchmarks run on a store of KVASIR_BENCH_ENTRIES entries, 100,000 if it is not set, filled once
// for all of them from a seed. Times are given as a median, and as a ratio to a plain Pebble get of
// the same entry in the same run, since machines differ more than builds do.

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

// sampleEntry is the entry with the given number: always the same, about 2 KB, in words, so that it
// compresses as text does.
func sampleEntry(n int) *keyspace.Entry {
	random := rand.New(rand.NewPCG(7, uint64(n)))
	e := &keyspace.Entry{Created: 1, Prompt: sampleText(random, 30), Answer: sampleText(random, 90)}
	e.Namespace, e.Exact = sampleKeys(n)
	e.Request = []byte(sampleText(random, 50) + e.Prompt)
	for range 100 {
		e.PromptTokens = append(e.PromptTokens, random.Int32N(49152))
		e.Tokens = append(e.Tokens, random.Int32N(49152))
	}
	return e
}

// sampleKeys spreads the entries over 16 namespaces, in random order, as digests do.
func sampleKeys(n int) (namespace, exact keyspace.Hash) {
	namespace[0] = byte(n % 16)
	random := rand.NewPCG(11, uint64(n))
	for i := 0; i < len(exact); i += 8 {
		binary.LittleEndian.PutUint64(exact[i:], random.Uint64())
	}
	return namespace, exact
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

// sampleMutations are what remembering the entry writes.
func sampleMutations(n int) []Mutation {
	id, e := keyspace.ID(n+1), sampleEntry(n)
	key, uses, exact := keyspace.EntryKey(id), keyspace.UsesKey(id), keyspace.ExactKey(e.Namespace, e.Exact)
	return []Mutation{
		Set(key, keyspace.EncodeEntry(key, e)),
		Set(uses, keyspace.EncodeUses(uses, keyspace.Uses{})),
		Set(exact, keyspace.EncodeExact(exact, id)),
	}
}

var benchStore struct {
	once sync.Once
	dir  string
	err  error
}

// benchDir returns the folder of the filled store, and fills it the first time.
func benchDir(b *testing.B) string {
	b.Helper()
	benchStore.once.Do(func() {
		if benchStore.dir, benchStore.err = os.MkdirTemp("", "kvasir-bench-"); benchStore.err == nil {
			benchStore.err = fillStore(benchStore.dir, benchEntries(b))
		}
	})
	if benchStore.err != nil {
		b.Fatal(benchStore.err)
	}
	return filepath.Join(benchStore.dir, "db")
}

func fillStore(dir string, entries int) error {
	s, err := Open(Options{Dir: filepath.Join(dir, "db")})
	if err != nil {
		return err
	}
	for n := range entries {
		if err := s.Apply(sampleMutations(n)...).Err(); err != nil {
			return err
		}
	}
	settle(s)
	return s.Close()
}

// settle waits for the compactions that follow an import and that a growing cache does now and then.
// Pebble tells of their end a moment before it forgets them, so this asks instead of listening.
func settle(s *Store) {
	for s.db.Metrics().Compact.NumInProgress > 0 {
		time.Sleep(10 * time.Millisecond)
	}
}

func openBench(b *testing.B) *Store {
	b.Helper()
	s, err := Open(Options{Dir: benchDir(b), MustExist: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

func BenchmarkLookup(b *testing.B) {
	s, entries := openBench(b), benchEntries(b)
	for _, c := range []struct {
		name   string
		lookup func(s *Store, n int) error
	}{
		{"get", storeGet}, {"exact", exactLookup}, {"hot", hotLookup}, {"miss", exactMiss},
	} {
		b.Run(c.name, func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 1))
			var raw, ours []time.Duration
			for b.Loop() {
				// Other entries for each, so that neither finds what the other has just read.
				n, m := random.IntN(entries), random.IntN(entries)
				raw = append(raw, clock(b, func() error { return rawGet(s, n) }))
				ours = append(ours, clock(b, func() error { return c.lookup(s, m) }))
			}
			report(b, raw, ours)
		})
	}
}

func clock(b *testing.B, f func() error) time.Duration {
	start := time.Now()
	if err := f(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

func report(b *testing.B, raw, ours []time.Duration) {
	slices.Sort(raw)
	slices.Sort(ours)
	middle, tail := len(ours)/2, len(ours)*99/100
	b.ReportMetric(0, "ns/op") // of both together; says nothing
	b.ReportMetric(float64(ours[middle]), "p50-ns")
	b.ReportMetric(float64(ours[tail]), "p99-ns")
	b.ReportMetric(float64(raw[middle]), "raw-p50-ns")
	b.ReportMetric(float64(ours[middle])/float64(raw[middle]), "x-raw")
}

// rawGet is the measure: one Pebble get of an entry, and nothing done with it.
func rawGet(s *Store, n int) error {
	_, closer, err := s.db.Get(keyspace.EntryKey(keyspace.ID(n + 1)))
	if err != nil {
		return err
	}
	return closer.Close()
}

func storeGet(s *Store, n int) error {
	_, err := s.Get(keyspace.EntryKey(keyspace.ID(n + 1)))
	return err
}

// exactLookup is what a hit on the exact tier reads: index, entry, and the entry decoded.
func exactLookup(s *Store, n int) error {
	namespace, exact := sampleKeys(n)
	index := keyspace.ExactKey(namespace, exact)
	var id keyspace.ID
	err := s.View(index, func(value []byte) (err error) {
		id, err = keyspace.DecodeExact(index, value)
		return err
	})
	if err != nil {
		return err
	}
	key := keyspace.EntryKey(id)
	return s.View(key, func(value []byte) error {
		e, err := keyspace.DecodeEntry(key, value)
		if err == nil && e.Exact != exact {
			return fmt.Errorf("entry %s is not the one looked up", id)
		}
		return err
	})
}

// hotLookup asks for the same thousand entries again and again, as most who repeat themselves do.
func hotLookup(s *Store, n int) error { return exactLookup(s, n%1000) }

func exactMiss(s *Store, n int) error {
	namespace, absent := sampleKeys(n)
	absent[31] ^= 0xff
	if _, err := s.Get(keyspace.ExactKey(namespace, absent)); !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("got %v, want ErrNotFound", err)
	}
	return nil
}

func BenchmarkOpen(b *testing.B) {
	dir := benchDir(b)
	for b.Loop() {
		s, err := Open(Options{Dir: dir, MustExist: true})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkShortRun is the store's part of a command that remembers or counts one thing and ends.
func BenchmarkShortRun(b *testing.B) {
	dir := benchDir(b)
	n := 0
	for b.Loop() {
		s, err := Open(Options{Dir: dir, MustExist: true})
		if err != nil {
			b.Fatal(err)
		}
		n++
		key := keyspace.UsesKey(keyspace.ID(n))
		value := keyspace.EncodeUses(key, keyspace.Uses{Count: uint64(n)})
		if err := s.Apply(Set(key, value)).Wait(context.Background()); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkApply remembers entries as fast as one goroutine can and waits for the last receipt.
func BenchmarkApply(b *testing.B) {
	s := mustOpen(b, Options{Dir: filepath.Join(b.TempDir(), "db")})
	prepared := make([][]Mutation, 10_000)
	bytes := 0
	for n := range prepared {
		prepared[n] = sampleMutations(n)
		size, _ := check(prepared[n])
		bytes += size
	}
	b.SetBytes(int64(bytes / len(prepared)))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		// The keys repeat after a while; Pebble writes them all the same.
		if err := s.Apply(prepared[n%len(prepared)]...).Err(); err != nil {
			b.Fatal(err)
		}
		n++
	}
	if err := s.Apply().Wait(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkWait is one remembered entry after the other, each waited for: the price of a sync.
func BenchmarkWait(b *testing.B) {
	s := mustOpen(b, Options{Dir: filepath.Join(b.TempDir(), "db")})
	mutations := sampleMutations(1)
	for b.Loop() {
		if err := s.Apply(mutations...).Wait(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
