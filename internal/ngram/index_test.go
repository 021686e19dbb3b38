package ngram

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
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

func (m model) index(t testing.TB) *Index {
	x := NewIndex()
	for name, sets := range m {
		for id, set := range sets {
			mustAdd(t, x, name, id, set)
		}
	}
	return x
}

// fataler is a test of testing or of rapid.
type fataler interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func mustAdd(t fataler, x *Index, name Group, id uint64, set []uint64) {
	if err := x.Add(name, id, len(set), Signature(set)); err != nil {
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
			c := newCorpus(3000)
			m := c.model(spec)
			x := m.index(t)
			for _, text := range slices.Concat(c.variants(30), c.strangers(20), c.texts[:5], []string{"", "a", "hi", "ok?"}) {
				checkAllFloors(t, m, x, spec.AppendSet(nil, text))
			}
		})
	}
}

var corpusGroup = Group{2}

func (c *corpus) model(spec Spec) model {
	m := model{}
	for i, text := range c.texts {
		m.add(corpusGroup, uint64(i+1), spec.AppendSet(nil, text))
	}
	return m
}

func checkAllFloors(t *testing.T, m model, x *Index, query []uint64) {
	t.Helper()
	for _, measure := range []Measure{ByJaccard, ByContainment} {
		ranked := m.ranked(corpusGroup, query, measure)
		for percent := 30; percent <= 100; percent += 10 {
			for _, limit := range []int{1, 5, 10000} {
				o := SearchOptions{Measure: measure, Floor: float64(percent) / 100, Limit: limit, MaxReads: -1}
				got, info := x.Search(corpusGroup, query, o, m.reader(corpusGroup))
				if want := cutOff(ranked, o); !slices.Equal(got, want) || info.Incomplete {
					t.Fatalf("%+v of %x:\n got %v, %+v\nwant %v", o, query, got, info, want)
				}
			}
		}
	}
}

// Adding and removing in any order leaves an index as the map that went through the same.
func TestIndex_FollowsAddsAndRemoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, x := model{}, NewIndex()
		next := uint64(1)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				if rapid.IntRange(0, 20).Draw(t, "far") == 0 {
					next += 1 << 33
				}
				name, set := drawGroup(t), drawSet(t, "entry")
				m.add(name, next, set)
				mustAdd(t, x, name, next, set)
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

func TestIndex_RefusesASignatureOfAnotherWidth(t *testing.T) {
	x := NewIndex()
	for _, c := range []struct{ size, words int }{{0, 0}, {100, 2}, {100, 4}, {-1, 1}, {-1000, 0}} {
		if err := x.Add(Group{}, 7, c.size, make([]uint64, c.words)); err == nil {
			t.Errorf("a set of %d with %d words was taken", c.size, c.words)
		}
	}
	if got := x.Stats(); got != (IndexStats{}) {
		t.Errorf("got %+v, want nothing", got)
	}
}

// Two indexes with the same entries do the same, however they came to have them.
func TestIndex_DoesNotDependOnTheOrderOfItsRows(t *testing.T) {
	spec := Spec{Char, 2, 3}
	c := newCorpus(2000)
	m := c.model(spec)
	a, b := NewIndex(), NewIndex()
	for i := range len(c.texts) {
		mustAdd(t, a, corpusGroup, uint64(i+1), m[corpusGroup][uint64(i+1)])
		mustAdd(t, b, corpusGroup, uint64(len(c.texts)-i), m[corpusGroup][uint64(len(c.texts)-i)])
	}
	for id := uint64(1); id < 2000; id += 3 { // moves rows
		b.Remove(corpusGroup, id, len(m[corpusGroup][id]))
		mustAdd(t, b, corpusGroup, id, m[corpusGroup][id])
	}
	for _, text := range append(c.variants(50), c.texts[:50]...) {
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

// record searches and keeps which entries were read.
func record(x *Index, m model, query []uint64, o SearchOptions) (found []Match, reads []uint64, info SearchInfo) {
	found, info = x.Search(corpusGroup, query, o, func(id uint64) ([]uint64, bool) {
		reads = append(reads, id)
		return m.reader(corpusGroup)(id)
	})
	return found, reads, info
}

// An entry whose text is the query's is the first that is read, and the last.
func TestSearch_ReadsNoMoreThanItMust(t *testing.T) {
	spec := Spec{Char, 2, 3}
	c := newCorpus(3000)
	m := c.model(spec)
	x := m.index(t)
	for i, text := range c.texts[:100] {
		found, reads, _ := record(x, m, spec.AppendSet(nil, text), SearchOptions{Floor: 0.5})
		if len(reads) != 1 || len(found) != 1 || found[0].ID != reads[0] || found[0].Score != 1 || reads[0] > uint64(i+1) {
			t.Errorf("entry %x: read %x, found %v", i+1, reads, found)
		}
	}
}

// Entries are read in the order of what their signatures allow, and none that could not be better than what
// is found in the end.
func TestSearch_ReadsTheMostPromisingFirst(t *testing.T) {
	spec := Spec{Char, 2, 3}
	c := newCorpus(3000)
	m := c.model(spec)
	x := m.index(t)
	total := 0
	for _, text := range c.variants(100) {
		query := spec.AppendSet(nil, text)
		found, reads, _ := record(x, m, query, SearchOptions{Floor: 0.4})
		last := 1.0
		for _, id := range reads {
			score := allowed(query, m[corpusGroup][id])
			if score > last || len(found) > 0 && score < found[0].Score {
				t.Errorf("%q: entry %x allows %v and was read after one that allows %v; found %v", text, id, score, last, found)
			}
			last = score
		}
		total += len(reads)
	}
	if total < 100 {
		t.Errorf("%d entries read; the test tests nothing", total)
	}
}

// allowed returns the best Jaccard score that the signatures of two sets allow.
func allowed(query, set []uint64) float64 {
	a, b := make([]uint64, Width(len(set))), Signature(set)
	for _, gram := range query {
		mark(a, mix(gram))
	}
	n := min(len(query)-ones(a), len(set)-ones(b)) + shared(a, b)
	return ByJaccard.score(n, len(query), len(set))
}

func TestSearch_PassesOverEntriesThatAreGone(t *testing.T) {
	x := NewIndex()
	set := []uint64{1, 2, 3}
	for id := range uint64(3) {
		mustAdd(t, x, Group{}, id, set)
	}
	read := func(id uint64) ([]uint64, bool) { return set, id == 2 }
	got, info := x.Search(Group{}, set, SearchOptions{Floor: 0.5}, read)
	if !slices.Equal(got, []Match{{2, 1}}) || info.Read != 3 || info.Incomplete {
		t.Errorf("got %v, %+v, want entry 2 after 3 reads", got, info)
	}
	// What was indexed may have changed since; what is read counts.
	got, _ = x.Search(Group{}, set, SearchOptions{Floor: 0.5}, func(uint64) ([]uint64, bool) { return []uint64{9}, true })
	if len(got) > 0 {
		t.Errorf("got %v of entries that are unlike the query", got)
	}
}

func TestSearch_FindsNothingWhereNothingCanBe(t *testing.T) {
	x := NewIndex()
	set := []uint64{1, 2, 3}
	mustAdd(t, x, Group{1}, 1, set)
	mustAdd(t, x, Group{1}, 2, nil)
	for name, c := range map[string]struct {
		group Group
		query []uint64
		floor float64
	}{
		"another group":      {Group{2}, set, 0},
		"an empty query":     {Group{1}, nil, 0},
		"other grams":        {Group{1}, []uint64{7, 8}, 0},
		"a floor above 1":    {Group{1}, set, 1.01},
		"a floor of no kind": {Group{1}, set, math.NaN()},
	} {
		for _, measure := range []Measure{ByJaccard, ByContainment} {
			o := SearchOptions{Measure: measure, Floor: c.floor}
			got, info := x.Search(c.group, c.query, o, func(uint64) ([]uint64, bool) { return set, true })
			if len(got) > 0 || info.Incomplete {
				t.Errorf("%s: got %v, %+v", name, got, info)
			}
		}
	}
}

// A template with a hundred thousand members makes as many entries that may all be the best. The search
// gives up, says so, and what it found is right.
func TestSearch_StopsAtItsCapAmongTheMembersOfATemplate(t *testing.T) {
	const members = 100000
	spec := Spec{Char, 2, 3}
	form := "Write a friendly and short description of the product with number %d for the shop, in two sentences."
	set := func(id uint64) []uint64 { return spec.AppendSet(nil, fmt.Sprintf(form, id)) }
	x := NewIndex()
	for id := range uint64(members) {
		mustAdd(t, x, Group{}, id, set(id))
	}
	read := func(id uint64) ([]uint64, bool) { return set(id), true }
	query := set(7654321)
	for _, limit := range []int{0, 10, 1000} {
		found, info := x.Search(Group{}, query, SearchOptions{Floor: 0.7, Limit: limit}, read)
		if !info.Incomplete || info.Read != DefaultMaxReads || len(found) == 0 {
			t.Errorf("limit %d: found %d, %+v", limit, len(found), info)
		}
		for _, m := range found {
			if want := Jaccard(query, set(m.ID)); m.Score != want || want < 0.7 {
				t.Errorf("entry %x: got score %v, want %v", m.ID, m.Score, want)
			}
		}
	}
	// One that is there is found at once all the same, and so is that nothing is.
	found, info := x.Search(Group{}, set(54321), SearchOptions{Floor: 0.7}, read)
	if info.Incomplete || len(found) != 1 || found[0].Score != 1 {
		t.Errorf("a member: found %v, %+v", found, info)
	}
	other := spec.AppendSet(nil, "Which of the two sentences describes a friendly shop, and what is the number of its products?")
	if found, info := x.Search(Group{}, other, SearchOptions{Floor: 0.7}, read); len(found) > 0 || info.Incomplete {
		t.Errorf("another text: found %v, %+v", found, info)
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
		mustAdd(t, x, Group{}, id, set(id))
	}
	start := make(chan struct{})
	var wg sync.WaitGroup
	for w := range uint64(workers) {
		wg.Go(func() {
			<-start
			for i := range uint64(300) {
				id := 1000 + w*1000 + i
				if err := x.Add(Group{}, id, len(set(id)), Signature(set(id))); err != nil {
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

// The vectors of version 1 were made from docs/formats/store.md by another program. No test rewrites them:
// the signatures are in the stores on people's disks.
func TestSignature_GivesTheBitsOfVersion1(t *testing.T) {
	data, err := os.ReadFile("testdata/signatures_v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ Set, Words []string }
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		if got, want := Signature(fromHex(t, v.Set)), fromHex(t, v.Words); !slices.Equal(got, want) {
			t.Errorf("signature of %s:\n got %x\nwant %x", v.Set, got, want)
		}
	}
}

func fromHex(t *testing.T, texts []string) []uint64 {
	numbers := make([]uint64, len(texts))
	for i, text := range texts {
		n, err := strconv.ParseUint(text, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		numbers[i] = n
	}
	return numbers
}

// The unrolled functions and the plain one let the same rows pass.
func TestSieve_TakesRowsOfEveryWidthAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for width := 1; width <= 20; width++ {
		for n := range 12 {
			rows := make([]uint64, n*width)
			for i := range rows {
				rows[i] = r.Uint64()
			}
			s := sieve{mask: make([]uint64, width), limit: 16 * width, flip: -(n % 2)}
			for i := range s.mask {
				s.mask[i] = r.Uint64()
			}
			if got, want := s.appendRows(nil, rows), s.any(nil, rows, 0); !slices.Equal(got, want) {
				t.Errorf("%d rows of %d words: got %d, want %d", n, width, got, want)
			}
			for row := range n {
				passes := shared(rows[row*width:(row+1)*width], s.mask) >= s.limit
				if s.flip < 0 {
					passes = !passes
				}
				if got := slices.Contains(s.any(nil, rows, 0), int32(row)); got != passes {
					t.Errorf("row %d of %d words: got %t, want %t", row, width, got, passes)
				}
			}
		}
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
	for _, m := range []Measure{ByJaccard, ByContainment} {
		for percent := range 101 {
			checkNeed(t, m, float64(percent)/100)
		}
	}
}

func checkNeed(t *testing.T, m Measure, floor float64) {
	for q := 1; q <= 60; q++ {
		for c := 1; c <= 60; c++ {
			n := m.need(floor, q, c)
			if n <= min(q, c) && m.score(n, q, c) < floor || n > 1 && m.score(n-1, q, c) >= floor {
				t.Fatalf("%s %v of %d and %d: %d is not the least", m, floor, q, c, n)
			}
		}
	}
}
