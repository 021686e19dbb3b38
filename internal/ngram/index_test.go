package ngram

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// model is an index one can trust: it keeps every set and compares with all.
type model map[Group]map[uint64][]uint64

func (m model) add(name Group, id uint64, set []uint64) {
	if m[name] == nil {
		m[name] = map[uint64][]uint64{}
	}
	m[name][id] = set
}

func (m model) search(name Group, query []uint64, o SearchOptions) []Match {
	var all []Match
	for id, set := range m[name] {
		score := Jaccard(query, set)
		if o.Measure == ByContainment {
			score = Containment(query, set)
		}
		if score > 0 && score >= o.Floor {
			all = append(all, Match{id, score})
		}
	}
	slices.SortFunc(all, func(a, b Match) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID))
	})
	return all[:min(len(all), max(o.Limit, 1))]
}

// reader reads the sets of a group of the model.
func (m model) reader(name Group) func(uint64) ([]uint64, bool) {
	return func(id uint64) ([]uint64, bool) {
		set, ok := m[name][id]
		return set, ok
	}
}

func (m model) index(t testing.TB) *Index {
	x := NewIndex()
	for name, sets := range m {
		for id, set := range sets {
			mustAdd(t, x, name, id, set)
		}
	}
	return x
}

type fataler interface{ Fatal(args ...any) }

func mustAdd(t fataler, x *Index, name Group, id uint64, set []uint64) {
	if err := x.Add(name, id, len(set), Signature(set)); err != nil {
		t.Fatal(err)
	}
}

// check compares the index with the model.
func (m model) check(t *rapid.T, x *Index, name Group, query []uint64, o SearchOptions) {
	got, info := x.Search(name, query, o, m.reader(name))
	want := m.search(name, query, o)
	if info.Incomplete || !slices.Equal(got, want) {
		t.Fatalf("%+v of %x:\n got %v, %+v\nwant %v", o, query, got, info, want)
	}
}

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

func TestIndex_FindsWhatComparingWithAllFinds(t *testing.T) {
	name := Group{1}
	rapid.Check(t, func(t *rapid.T) {
		m := model{}
		x := NewIndex()
		for i := range rapid.IntRange(0, 40).Draw(t, "entries") {
			set := drawSet(t, "entry")
			m.add(name, uint64(i), set)
			mustAdd(t, x, name, uint64(i), set)
		}
		for range 5 {
			m.check(t, x, name, drawSet(t, "query"), drawOptions(t))
		}
	})
}

func TestIndex_FindsTextsAsComparingWithAllDoes(t *testing.T) {
	for _, spec := range []Spec{{Char, 2, 3}, {Char, 3, 3}, {Word, 1, 2}, {Word, 2, 3}} {
		t.Run(fmt.Sprint(spec), func(t *testing.T) {
			name := Group{2}
			c := newCorpus(2000)
			m := model{}
			for i, text := range c.texts {
				m.add(name, uint64(i+1), spec.AppendSet(nil, text))
			}
			x := m.index(t)
			queries := slices.Concat(c.variants(30), c.strangers(30), []string{"", "a", "hi", "ok?", c.texts[5]})
			for _, text := range queries {
				query := spec.AppendSet(nil, text)
				for floor := 0.3; floor <= 1; floor += 0.1 {
					for _, measure := range []Measure{ByJaccard, ByContainment} {
						for _, limit := range []int{1, 5, 10000} {
							o := SearchOptions{Measure: measure, Floor: floor, Limit: limit, MaxReads: -1}
							got, _ := x.Search(name, query, o, m.reader(name))
							if want := m.search(name, query, o); !slices.Equal(got, want) {
								t.Fatalf("%q, %+v:\n got %v\nwant %v", text, o, got, want)
							}
						}
					}
				}
			}
		})
	}
}

func TestMeasure_NeedIsTheLeastThatReachesTheFloor(t *testing.T) {
	for _, c := range []struct {
		m       Measure
		floor   float64
		q, c, n int
	}{
		{ByJaccard, 0.6, 4, 4, 3}, // 3 of 5
		{ByJaccard, 0.6, 5, 3, 3},
		{ByJaccard, 1, 7, 7, 7},
		{ByJaccard, 0, 7, 7, 1},
		{ByContainment, 0.6, 5, 9, 3},
		{ByContainment, 0.7, 10, 90, 7},
	} {
		if got := c.m.need(c.floor, c.q, c.c); got != c.n {
			t.Errorf("%s %v of %d and %d: got %d, want %d", c.m, c.floor, c.q, c.c, got, c.n)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		m := Measure(rapid.IntRange(0, 1).Draw(t, "measure"))
		q, c := rapid.IntRange(1, 300).Draw(t, "q"), rapid.IntRange(1, 300).Draw(t, "c")
		floor := rapid.Float64Range(0, 1).Draw(t, "floor")
		if rapid.Bool().Draw(t, "round") {
			floor = math.Round(floor*20) / 20
		}
		n := m.need(floor, q, c)
		if n <= min(q, c) && m.score(n, q, c) < floor || n > 1 && m.score(n-1, q, c) >= floor {
			t.Fatalf("%s %v of %d and %d: %d is not the least", m, floor, q, c, n)
		}
	})
}
