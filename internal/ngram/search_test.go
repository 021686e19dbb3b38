package ngram

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/ngram/corpus"
)

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
	c := corpus.New(3000)
	m := modelOf(c, spec)
	x := m.index(t, Parity)
	for i, text := range c.Texts[:100] {
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
	c := corpus.New(3000)
	m := modelOf(c, spec)
	x := m.index(t, Parity)
	total := 0
	for _, text := range c.Variants(100) {
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

// allowed returns the best Jaccard score that the parities of two sets allow.
func allowed(query, set []uint64) float64 {
	a, b := make([]uint64, Parity.Width(len(set))), Parity.Signature(set)
	for _, gram := range query {
		Parity.mark(a, mix(gram))
	}
	n := min(len(query), len(set), (len(query)+len(set)-differing(a, b))/2)
	return ByJaccard.score(n, len(query), len(set))
}

func TestSearch_PassesOverEntriesThatAreGone(t *testing.T) {
	x := NewIndex()
	set := []uint64{1, 2, 3}
	for id := range uint64(3) {
		mustAdd(t, x, Parity, Group{}, id, set)
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
	mustAdd(t, x, Parity, Group{1}, 1, set)
	mustAdd(t, x, Parity, Group{1}, 2, nil)
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

// A template with many members makes as many entries that may all be the best. The search
// gives up, says so, and what it found is right.
func TestSearch_StopsAtItsCapAmongTheMembersOfATemplate(t *testing.T) {
	const members = 100_000
	spec := Spec{Char, 2, 3}
	form := "Write a friendly and short description of the product with number %d for the shop, in two sentences."
	set := func(id uint64) []uint64 { return spec.AppendSet(nil, fmt.Sprintf(form, id)) }
	read := func(id uint64) ([]uint64, bool) { return set(id), true }
	// What no member has, so that all of those of one length are alike.
	query := spec.AppendSet(nil, fmt.Sprintf("Write a friendly and short description of the product with number %s for the shop, in two sentences.", "unknown"))
	for _, kind := range kinds {
		x := NewIndex()
		for id := range uint64(members) {
			mustAdd(t, x, kind, Group{}, id, set(id))
		}
		for _, limit := range []int{1000, 256, 300} {
			found, info := x.Search(Group{}, query, SearchOptions{Floor: 0.7, Limit: limit}, read)
			if !info.Incomplete || info.Read != DefaultMaxReads || len(found) == 0 {
				t.Errorf("kind %d, limit %d: found %d, %+v", kind, limit, len(found), info)
			}
			for _, m := range found {
				if want := Jaccard(query, set(m.ID)); m.Score != want || want < 0.7 {
					t.Errorf("entry %x: got score %v, want %v", m.ID, m.Score, want)
				}
			}
		}
		// One that is there is found at once all the same, and so is that nothing is.
		found, info := x.Search(Group{}, set(14321), SearchOptions{Floor: 0.7}, read)
		if info.Incomplete || len(found) != 1 || found[0].Score != 1 {
			t.Errorf("a member: found %v, %+v", found, info)
		}
		other := spec.AppendSet(nil, "Which of the two sentences describes a friendly shop, and what is the number of its products?")
		if found, info := x.Search(Group{}, other, SearchOptions{Floor: 0.7}, read); len(found) > 0 || info.Incomplete {
			t.Errorf("another text: found %v, %+v", found, info)
		}
	}
}
