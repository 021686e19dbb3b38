package ngram

import (
	"cmp"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kvasir-cache/kvasir/internal/ngram/corpus"
)

// model is an index one can trust: it keeps every set and compares with all.
type model map[Group]map[uint64][]uint64

func (m model) add(name Group, id uint64, set []uint64) {
	if m[name] == nil {
		m[name] = map[uint64][]uint64{}
	}
	m[name][id] = set
}

// ranked returns every entry that shares a gram with the query, the best first.
func (m model) ranked(name Group, query []uint64, measure Measure) []Match {
	var all []Match
	for id, set := range m[name] {
		score := Jaccard(query, set)
		if measure == ByContainment {
			score = Containment(query, set)
		}
		if score > 0 {
			all = append(all, Match{id, score})
		}
	}
	slices.SortFunc(all, func(a, b Match) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// cutOff returns those of ranked matches that a search should find.
func cutOff(ranked []Match, o SearchOptions) []Match {
	n := 0
	for n < len(ranked) && n < max(o.Limit, 1) && ranked[n].Score >= o.Floor {
		n++
	}
	return ranked[:n]
}

// reader reads the sets of a group of the model.
func (m model) reader(name Group) func(uint64) ([]uint64, bool) {
	return func(id uint64) ([]uint64, bool) {
		set, ok := m[name][id]
		return set, ok
	}
}

func (m model) index(t testing.TB, kind Kind) *Index {
	x := NewIndex()
	for name, sets := range m {
		for id, set := range sets {
			mustAdd(t, x, kind, name, id, set)
		}
	}
	return x
}

// fataler is a test of testing or of rapid.
type fataler interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func mustAdd(t fataler, x *Index, kind Kind, name Group, id uint64, set []uint64) {
	if err := x.Add(name, id, kind, len(set), kind.Signature(set)); err != nil {
		t.Fatal(err)
	}
}

// check compares the index with the model.
func (m model) check(t fataler, x *Index, name Group, query []uint64, o SearchOptions) {
	got, info := x.Search(name, query, o, m.reader(name))
	want := cutOff(m.ranked(name, query, o.Measure), o)
	if info.Incomplete || !slices.Equal(got, want) {
		t.Fatalf("%+v of %x:\n got %v, %+v\nwant %v", o, query, got, info, want)
	}
}

var kinds = []Kind{Presence, Parity}

func drawKind(t *rapid.T) Kind { return rapid.SampledFrom(kinds).Draw(t, "kind") }

func drawOptions(t *rapid.T) SearchOptions {
	floor := rapid.OneOf(rapid.SampledFrom([]float64{-1, 0, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 1, 1.5}), rapid.Float64Range(0, 1))
	return SearchOptions{
		Measure:  Measure(rapid.IntRange(0, 1).Draw(t, "measure")),
		Floor:    floor.Draw(t, "floor"),
		Limit:    rapid.SampledFrom([]int{0, 1, 2, 3, 10, 1000}).Draw(t, "limit"),
		MaxReads: -1,
	}
}

// drawSet makes sets of hashes of which many are in many sets. Some are short ones, some nearly a whole
// range, some as small numbers as a plugin might count in.
func drawSet(t *rapid.T, label string) []uint64 {
	most := rapid.SampledFrom([]uint64{3, 10, 40, 200, 900}).Draw(t, label+" range")
	size := rapid.IntRange(0, int(min(most, 700))).Draw(t, label+" size")
	random := rapid.Uint64().Draw(t, label+" seed")
	set := make([]uint64, 0, size)
	for range size {
		random = mix(random + seed)
		set = append(set, random%most)
	}
	slices.Sort(set)
	return slices.Compact(set)
}

var corpusGroup = Group{2}

func modelOf(c *corpus.Corpus, spec Spec) model {
	m := model{}
	for i, text := range c.Texts {
		m.add(corpusGroup, uint64(i+1), spec.AppendSet(nil, text))
	}
	return m
}

func (m model) ids(name Group) []uint64 { return slices.Sorted(maps.Keys(m[name])) }

func (m model) entries() (n int) {
	for _, sets := range m {
		n += len(sets)
	}
	return n
}

func (m model) groups() (n int) {
	for _, sets := range m {
		n += one(len(sets) > 0)
	}
	return n
}
