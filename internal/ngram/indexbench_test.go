package ngram

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/ngram/corpus"
	"time"
)

// KVASIR_BENCH_ENTRIES says how many entries the benchmarks of the index have; 10,000 if it is not set.
// Quantiles are of the time that the processor spends on one query, from its text to the matches, with
// the texts of entries read and made into sets. A hit is a new variant of a text that is there, a miss
// a text of its own.

var indexSpecs = []Spec{{Char, 2, 3}, {Word, 1, 2}}

// shelf is a corpus and an index of it.
type shelf struct {
	spec    Spec
	texts   []string
	queries map[string][]string
	index   *Index
}

var shelves = map[Spec]*shelf{}

func shelfOf(b *testing.B, spec Spec) *shelf {
	if shelves[spec] == nil {
		c := corpus.New(benchEntries(b))
		s := &shelf{spec: spec, texts: c.Texts, index: NewIndex()}
		s.queries = map[string][]string{"hit": c.Variants(1000), "miss": c.Strangers(1000)}
		s.rows().load(b, s.index)
		shelves[spec] = s
	}
	return shelves[spec]
}

func benchEntries(b *testing.B) int {
	text := os.Getenv("KVASIR_BENCH_ENTRIES")
	if text == "" {
		return 10000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("KVASIR_BENCH_ENTRIES is %q: want a number from 1 on", text)
	}
	return n
}

// loadRow is what a store has of an entry for the index.
type loadRow struct {
	id        uint64
	size      int
	signature []uint64
}

type loadRows []loadRow

// rows returns the rows of all entries in the order in which a store has them.
func (s *shelf) rows() loadRows {
	rows := make(loadRows, len(s.texts))
	var set []uint64
	for i, text := range s.texts {
		set = s.spec.AppendSet(set[:0], text)
		rows[i] = loadRow{uint64(i + 1), len(set), Parity.Signature(set)}
	}
	slices.SortStableFunc(rows, func(a, b loadRow) int { return a.size - b.size })
	return rows
}

func (rows loadRows) load(b *testing.B, x *Index) {
	for _, r := range rows {
		if err := x.Add(corpusGroup, r.id, Parity, r.size, r.signature); err != nil {
			b.Fatal(err)
		}
	}
}

// reader reads texts and makes sets of them.
func (s *shelf) reader() func(id uint64) ([]uint64, bool) {
	var set []uint64
	return func(id uint64) ([]uint64, bool) {
		set = s.spec.AppendSet(set[:0], s.texts[id-1])
		return set, true
	}
}

// finder finds the best match of a query.
type finder func(query []uint64, floor float64) ([]Match, SearchInfo)

func (s *shelf) finder() finder {
	read := s.reader()
	return func(query []uint64, floor float64) ([]Match, SearchInfo) {
		return s.index.Search(corpusGroup, query, SearchOptions{Floor: floor}, read)
	}
}

func BenchmarkIndex(b *testing.B) {
	for _, spec := range indexSpecs {
		for _, floor := range []float64{0.5, 0.6, 0.7, 0.8, 0.9} {
			for _, kind := range []string{"hit", "miss"} {
				b.Run(fmt.Sprintf("%s/floor=%.1f/%s", specName(spec), floor, kind), func(b *testing.B) {
					s := shelfOf(b, spec)
					b.ReportAllocs()
					s.measure(b, kind, floor, s.finder())
				})
			}
		}
	}
}

// measure answers queries and reports how long the single ones took and what they found.
func (s *shelf) measure(b *testing.B, kind string, floor float64, find finder) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	runtime.GC()
	queries := s.queries[kind]
	var times []time.Duration
	var sum SearchInfo
	var query []uint64
	found, incomplete := 0, 0
	for b.Loop() {
		start := corpus.CPUTime()
		query = s.spec.AppendSet(query[:0], queries[len(times)%len(queries)])
		matches, info := find(query, floor)
		times = append(times, corpus.CPUTime()-start)
		found += len(matches)
		incomplete += one(info.Incomplete)
		sum.Scanned += info.Scanned
		sum.Read += info.Read
	}
	slices.Sort(times)
	n := float64(len(times))
	b.ReportMetric(microseconds(times[len(times)/2]), "cpu-p50-µs")
	b.ReportMetric(microseconds(times[len(times)*99/100]), "cpu-p99-µs")
	b.ReportMetric(float64(found)/n, "found/op")
	b.ReportMetric(float64(incomplete)/n, "incomplete/op")
	b.ReportMetric(float64(sum.Read)/n, "reads/op")
	b.ReportMetric(float64(sum.Scanned)/n, "scanned/op")
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// BenchmarkIndexLoad fills an index from sorted rows, as opening a store does.
func BenchmarkIndexLoad(b *testing.B) {
	for _, spec := range indexSpecs {
		b.Run(specName(spec), func(b *testing.B) {
			rows := shelfOf(b, spec).rows()
			var x *Index
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			start := corpus.CPUTime()
			for b.Loop() {
				x = NewIndex()
				rows.load(b, x)
			}
			b.ReportMetric(microseconds(corpus.CPUTime()-start)/1000/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(x.Stats().Bytes)/float64(len(rows)), "B/entry")
		})
	}
}

// BenchmarkIndexInsert makes the grams and the signature of a text and adds it, as Remember does.
func BenchmarkIndexInsert(b *testing.B) {
	for _, spec := range indexSpecs {
		b.Run(specName(spec), func(b *testing.B) {
			s := shelfOf(b, spec)
			b.ReportAllocs()
			var set []uint64
			var sizes []int
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			start := corpus.CPUTime()
			for b.Loop() {
				id := len(s.texts) + len(sizes) + 1
				set = spec.AppendSet(set[:0], s.texts[id*7919%len(s.texts)])
				sizes = append(sizes, len(set))
				if err := s.index.Add(corpusGroup, uint64(id), Parity, len(set), Parity.Signature(set)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(microseconds(corpus.CPUTime()-start)/float64(len(sizes)), "cpu-µs/op")
			for i, size := range sizes {
				s.index.Remove(corpusGroup, uint64(len(s.texts)+i+1), size)
			}
		})
	}
}

// BenchmarkIndex_BruteForce scores every text, which needs no index.
func BenchmarkIndex_BruteForce(b *testing.B) {
	for _, spec := range indexSpecs {
		b.Run(specName(spec), func(b *testing.B) {
			s := shelfOf(b, spec)
			n := 0
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			start := corpus.CPUTime()
			for b.Loop() {
				spec.Scores(s.queries["hit"][n%1000], s.texts)
				n++
			}
			b.ReportMetric(microseconds(corpus.CPUTime()-start)/float64(n), "cpu-µs/op")
		})
	}
}

// BenchmarkIndex_MinHash finds the best match with MinHash, as is common, and says which part of the
// queries that have a match got as good a one.
func BenchmarkIndex_MinHash(b *testing.B) {
	for _, spec := range indexSpecs {
		b.Run(fmt.Sprintf("%s/floor=0.7/hit", specName(spec)), func(b *testing.B) {
			s := shelfOf(b, spec)
			m := newMinHash(s)
			b.ReportAllocs()
			s.measure(b, "hit", 0.7, m.find)
			b.ReportMetric(s.recall(0.7, m.find), "recall")
		})
	}
}

// recall returns of how many queries with a match the finder finds one that is as good.
func (s *shelf) recall(floor float64, find finder) float64 {
	exact, matched, found := s.finder(), 0, 0
	for _, text := range s.queries["hit"] {
		query := s.spec.AppendSet(nil, text)
		best, _ := exact(query, floor)
		if len(best) == 0 {
			continue
		}
		matched++
		other, _ := find(query, floor)
		found += one(len(other) > 0 && other[0].Score == best[0].Score)
	}
	return float64(found) / float64(max(matched, 1))
}

func specName(s Spec) string { return fmt.Sprintf("%s%d-%d", s.Unit, s.Min, s.Max) }
