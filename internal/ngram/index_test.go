package ngram

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/kvasir-cache/kvasir/internal/ngram/corpus"
)

func TestIndex_FindsWhatComparingWithAllFinds(t *testing.T) {
	name := Group{1}
	rapid.Check(t, func(t *rapid.T) {
		m, kind := model{}, drawKind(t)
		x := NewIndex()
		for i := range rapid.IntRange(0, 40).Draw(t, "entries") {
			set := drawSet(t, "entry")
			m.add(name, uint64(i), set)
			mustAdd(t, x, kind, name, uint64(i), set)
		}
		for range 5 {
			m.check(t, x, name, drawSet(t, "query"), drawOptions(t))
		}
	})
}

func TestIndex_FindsTextsAsComparingWithAllDoes(t *testing.T) {
	for _, spec := range []Spec{{Char, 2, 3}, {Char, 3, 3}, {Word, 1, 2}, {Word, 2, 3}} {
		t.Run(fmt.Sprint(spec), func(t *testing.T) {
			c := corpus.New(1500)
			m := modelOf(c, spec)
			indexes := []*Index{m.index(t, Presence), m.index(t, Parity)}
			for _, text := range slices.Concat(c.Variants(20), c.Strangers(10), c.Texts[:5], []string{"", "a", "hi", "ok?"}) {
				checkAllFloors(t, m, indexes, spec.AppendSet(nil, text))
			}
		})
	}
}

func checkAllFloors(t *testing.T, m model, indexes []*Index, query []uint64) {
	t.Helper()
	for _, measure := range []Measure{ByJaccard, ByContainment} {
		ranked := m.ranked(corpusGroup, query, measure)
		for percent := 30; percent <= 100; percent += 10 {
			for _, limit := range []int{1, 5, 10000} {
				o := SearchOptions{Measure: measure, Floor: float64(percent) / 100, Limit: limit, MaxReads: -1}
				want := cutOff(ranked, o)
				for i, x := range indexes {
					got, info := x.Search(corpusGroup, query, o, m.reader(corpusGroup))
					if !slices.Equal(got, want) || info.Incomplete {
						t.Fatalf("%+v of %x by kind %d:\n got %v, %+v\nwant %v", o, query, kinds[i], got, info, want)
					}
				}
			}
		}
	}
}

// Adding and removing in any order leaves an index as the map that went through the same.
func TestIndex_FollowsAddsAndRemoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, x, kind := model{}, NewIndex(), drawKind(t)
		next := uint64(1)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				if rapid.IntRange(0, 20).Draw(t, "far") == 0 {
					next += 1 << 33
				}
				name, set := drawGroup(t), drawSet(t, "entry")
				m.add(name, next, set)
				mustAdd(t, x, kind, name, next, set)
				next += uint64(rapid.IntRange(1, 3).Draw(t, "gap"))
			},
			"remove": func(t *rapid.T) {
				name := drawGroup(t)
				id := rapid.SampledFrom(append(m.ids(name), next)).Draw(t, "id")
				set, want := m[name][id]
				if got := x.Remove(name, id, len(set)); got != want {
					t.Fatalf("removing %x of a set of %d: got %t, want %t", id, len(set), got, want)
				}
				delete(m[name], id)
			},
			"search": func(t *rapid.T) {
				m.check(t, x, drawGroup(t), drawSet(t, "query"), drawOptions(t))
			},
			"": func(t *rapid.T) {
				got := x.Stats()
				if got.Entries != m.entries() || got.Groups != m.groups() {
					t.Fatalf("got %+v, want %d entries in %d groups", got, m.entries(), m.groups())
				}
			},
		})
	})
}

func drawGroup(t *rapid.T) Group { return Group{byte(rapid.IntRange(0, 2).Draw(t, "group"))} }

func TestIndex_RefusesASignatureOfAnotherWidth(t *testing.T) {
	x := NewIndex()
	for _, c := range []struct{ size, words int }{{0, 0}, {100, 2}, {100, 4}, {-1, 1}, {-1000, 0}} {
		for _, kind := range kinds {
			if err := x.Add(Group{}, 7, kind, c.size, make([]uint64, c.words)); err == nil {
				t.Errorf("a set of %d with %d words of kind %d was taken", c.size, c.words, kind)
			}
		}
	}
	if err := x.Add(Group{}, 7, 3, 1, make([]uint64, 1)); err == nil {
		t.Error("a signature of no kind was taken")
	}
	if got := x.Stats(); got != (IndexStats{}) {
		t.Errorf("got %+v, want nothing", got)
	}
}

// Two indexes with the same entries do the same, however they came to have them.
func TestIndex_DoesNotDependOnTheOrderOfItsRows(t *testing.T) {
	spec := Spec{Char, 2, 3}
	c := corpus.New(2000)
	m := modelOf(c, spec)
	a, b := NewIndex(), NewIndex()
	for i := range len(c.Texts) {
		mustAdd(t, a, Parity, corpusGroup, uint64(i+1), m[corpusGroup][uint64(i+1)])
		mustAdd(t, b, Parity, corpusGroup, uint64(len(c.Texts)-i), m[corpusGroup][uint64(len(c.Texts)-i)])
	}
	for id := uint64(1); id < 2000; id += 3 { // moves rows
		b.Remove(corpusGroup, id, len(m[corpusGroup][id]))
		mustAdd(t, b, Parity, corpusGroup, id, m[corpusGroup][id])
	}
	for _, text := range append(c.Variants(50), c.Texts[:50]...) {
		query := spec.AppendSet(nil, text)
		for _, o := range []SearchOptions{{Floor: 0.5, Limit: 3}, {Floor: 0.3, MaxReads: 7}, {Floor: 0.6, Limit: 2, Measure: ByContainment, MaxReads: 4}} {
			foundA, readA, infoA := record(a, m, query, o)
			foundB, readB, infoB := record(b, m, query, o)
			if !slices.Equal(foundA, foundB) || !slices.Equal(readA, readB) || infoA != infoB {
				t.Fatalf("%+v:\n   %v, read %x, %+v\nor %v, read %x, %+v", o, foundA, readA, infoA, foundB, readB, infoB)
			}
		}
	}
}

// Searches beside adds and removes find every entry that was there all the time, each once.
func TestIndex_IsSafeForConcurrentUse(t *testing.T) {
	const lasting, workers = 40, 4
	set := func(id uint64) []uint64 { // ids that differ by 8 have equal sets
		set := make([]uint64, 0, 30)
		for i := range uint64(20 + id%8) {
			set = append(set, i*(1+id%2))
		}
		return set
	}
	x := NewIndex()
	for id := range uint64(lasting) {
		mustAdd(t, x, Parity, Group{}, id, set(id))
	}
	start := make(chan struct{})
	var wg sync.WaitGroup
	for w := range uint64(workers) {
		wg.Go(func() {
			<-start
			for i := range uint64(300) {
				id := 1000 + w*1000 + i
				if err := x.Add(Group{}, id, Parity, len(set(id)), Parity.Signature(set(id))); err != nil {
					t.Error(err)
				}
				if i%2 == 0 && !x.Remove(Group{}, id, len(set(id))) {
					t.Errorf("entry %x is not there", id)
				}
				x.Stats()
			}
		})
		wg.Go(func() {
			<-start
			for i := range uint64(200) {
				o := SearchOptions{Floor: 1, Limit: 10000, MaxReads: -1}
				found, _ := x.Search(Group{}, set(i), o, func(id uint64) ([]uint64, bool) { return set(id), true })
				for id := i % 8; id < lasting; id += 8 {
					if n := count(found, id); n != 1 {
						t.Errorf("entry %x was found %d times", id, n)
					}
				}
			}
		})
	}
	close(start)
	wg.Wait()
}

func count(found []Match, id uint64) (n int) {
	for _, m := range found {
		n += one(m.ID == id)
	}
	return n
}
