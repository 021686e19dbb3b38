package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// wordSets makes sets of the hashes of words, and counts the texts.
type wordSets struct {
	texts   *atomic.Int32
	salt    string
	failure error
}

func (w wordSets) Features(_ context.Context, texts []string) (sets [][]uint64, err error) {
	w.texts.Add(int32(len(texts)))
	for _, text := range texts {
		set := []uint64{}
		for _, word := range strings.Fields(text) {
			h := fnv.New64()
			h.Write([]byte(w.salt + word))
			set = append(set, h.Sum64())
		}
		slices.Sort(set)
		sets = append(sets, slices.Compact(set))
	}
	return sets, w.failure
}

func byWords(w wordSets) *Strategy {
	s := lowering()
	s.Features, s.Guard, s.SearchFloor, s.Floor, s.Threshold = w, nil, 0.7, 0.7, 0.7
	return s
}

func TestFeatures_AreAskedOncePerTextAndOutliveTheProcess(t *testing.T) {
	w := wordSets{texts: new(atomic.Int32)}
	o := with(byWords(w))
	o.Dir = t.TempDir() + "/db"
	e := openEngine(t, o)
	for i := range 50 {
		remember(t, e, ask(fmt.Sprintf("tell me the story of the house number %d", i)), fmt.Sprint(i))
	}
	remember(t, e, ask("  "), "has no words")
	check := func(when string) {
		before := w.texts.Load()
		f := look(t, e, ask("of the house number 7 tell me the story"))
		if f.Action != base.ActionAnswer || f.Result.Text != "7" || f.Score != 1 {
			t.Errorf("%s: %+v", when, f)
		}
		if got := w.texts.Load() - before; got != 1 {
			t.Errorf("%s: the plugin was asked about %d texts, want the query alone", when, got)
		}
		if f := look(t, e, ask("   ")); f.Action != base.ActionMiss {
			t.Errorf("%s: texts without features are alike: %+v", when, f)
		}
	}
	check("at once")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openEngine(t, o)
	check("from the store")
	if err := e.Remove(t.Context(), look(t, e, ask("tell me the story of the house number 7")).Entry); err != nil {
		t.Fatal(err)
	}
	if f := look(t, e, ask("of the house number 7 tell me the story")); f.Action == base.ActionAnswer && f.Result.Text == "7" {
		t.Errorf("a removed entry serves: %+v", f)
	}
	if got := signatures(t, e); got != 50 {
		t.Errorf("%d signatures, want 50", got)
	}
}

func TestFeatures_OfAnotherGenerationAreMadeInTheBackground(t *testing.T) {
	var generation atomic.Uint32
	w := wordSets{texts: new(atomic.Int32)}
	s := byWords(w)
	s.Generation = func() [16]byte { return [16]byte{byte(generation.Load())} }
	e := openEngine(t, with(s))
	for i := range 100 {
		remember(t, e, ask(fmt.Sprintf("a question about number %d", i)), fmt.Sprint(i))
	}
	w.salt = "other numbers for the same words"
	s.Features = w
	generation.Store(1)
	eventually(t, func() bool { return look(t, e, ask("number 7 about a question")).Action == base.ActionAnswer })
	eventually(t, func() bool { return e.loadedMatcher().index.Stats().Groups == 1 })
	if got := signatures(t, e); got != 100 {
		t.Errorf("%d signatures, want 100", got)
	}
}

func TestFeatures_ThatFailAreMisses(t *testing.T) {
	for name, w := range map[string]wordSets{
		"it reports an error": {texts: new(atomic.Int32), failure: errors.New("no words today")},
	} {
		e := openEngine(t, with(byWords(w)))
		remember(t, e, ask(question), "Niamey")
		if f := look(t, e, ask(question)); f.Kind != base.KindExact {
			t.Errorf("%s: what needs no strategy: %+v", name, f)
		}
		if f := look(t, e, ask(question+" x")); f.Action != base.ActionMiss || !strings.HasSuffix(f.Reason, "no words today") {
			t.Errorf("%s: %+v", name, f)
		}
	}
	s := byWords(wordSets{texts: new(atomic.Int32)})
	s.Features = unsorted{}
	e := openEngine(t, with(s))
	if f := look(t, e, ask(question)); f.Action != base.ActionMiss || !strings.Contains(f.Reason, "ascending") {
		t.Errorf("sets that are none: %+v", f)
	}
}

type unsorted struct{}

func (unsorted) Features(context.Context, []string) ([][]uint64, error) {
	return [][]uint64{{2, 1}}, nil
}

// lengths scores texts by their lengths alone, and keeps the largest call.
type lengths struct{ most *int }

func (l lengths) Score(_ context.Context, query string, candidates []string) ([]float32, error) {
	*l.most = max(*l.most, len(candidates))
	scores := make([]float32, len(candidates))
	for i, c := range candidates {
		scores[i] = float32(min(len(query), len(c))) / float32(max(len(query), len(c)))
	}
	return scores, nil
}

func scanning(most *int, entries int) *Strategy {
	s := lowering()
	s.Scan, s.OwnScore, s.Scorers, s.Guard, s.Threshold = entries, true, []Scorer{lengths{most}}, nil, 0.95
	return s
}

func TestScan_ScoresEveryEntryInBatches(t *testing.T) {
	most := 0
	e := openEngine(t, with(scanning(&most, 2000)))
	for i := range 1100 {
		remember(t, e, ask(strings.Repeat("x", i+1)), fmt.Sprint(i+1))
	}
	if f := look(t, e, ask(strings.Repeat("y", 600))); f.Kind != base.KindApprox || f.Result.Text != "600" || f.Score != 1 {
		t.Errorf("%+v", f)
	}
	if most != hostapi.MaxCandidates {
		t.Errorf("%d candidates in a call, want %d", most, hostapi.MaxCandidates)
	}
	if s := statsOf(e); s["cache.scan_incomplete"] != 0 || s["cache.search_incomplete"] != 0 {
		t.Errorf("stats %v", s)
	}
	other := &Query{Tenant: "x", Request: ask(strings.Repeat("y", 600)).Request}
	if f := look(t, e, other); f.Action != base.ActionMiss {
		t.Errorf("another tenant: %+v", f)
	}
}

func TestScan_TakesTheNewestAndSaysThatThereAreMore(t *testing.T) {
	most := 0
	e := openEngine(t, with(scanning(&most, 10)))
	for i := range 40 {
		remember(t, e, ask(strings.Repeat("x", 100*(i+1))), fmt.Sprint(i+1))
	}
	if f := look(t, e, ask(strings.Repeat("y", 4000))); f.Action != base.ActionAnswer || f.Result.Text != "40" {
		t.Errorf("among the newest: %+v", f)
	}
	f := look(t, e, ask(strings.Repeat("y", 100)))
	if f.Action != base.ActionMiss || !strings.HasSuffix(f.Reason, "; only the newest 10 entries were looked at") {
		t.Errorf("not among the newest: %+v", f)
	}
	if f := look(t, e, ask(strings.Repeat("X", 100))); f.Kind != base.KindNormalized || f.Result.Text != "1" {
		t.Errorf("the same normal form, not among the newest: %+v", f)
	}
	if s := statsOf(e); s["cache.scan_incomplete"] != 3 || s["cache.search_incomplete"] != 3 || s["cache.miss_absent"] != 1 {
		t.Errorf("stats %v", s)
	}
	w, err := e.Why(t.Context(), ask(strings.Repeat("y", 3900)))
	if err != nil || len(w.Nearest) != whyNearest || !w.Nearest[0].Serves || len(w.Limits) != 1 || !strings.Contains(w.Search, "every entry") {
		t.Errorf("%+v, %v", w, err)
	}
	if s := statsOf(e); s["cache.scan_incomplete"] != 3 {
		t.Error("explaining counts as a lookup")
	}
}

// A scorer that reranks sees as many as it asks for, and the guard judges no more than the strategy allows.
func TestRerank_FindsMoreThanIsJudged(t *testing.T) {
	most := 0
	s := lowering()
	s.OwnScore, s.Found, s.Candidates, s.SearchFloor, s.Floor = true, 30, 3, 0.3, 0.1
	s.Scorers = []Scorer{lengths{&most}}
	guard := &never{}
	s.Guard = guard
	e := openEngine(t, with(s))
	for i := range 50 {
		remember(t, e, ask(fmt.Sprintf("question number %d", i)), fmt.Sprint(i))
	}
	f := look(t, e, ask("question number?"))
	if f.Action != base.ActionMiss || !strings.HasSuffix(f.Reason, "; only the 3 most alike were judged") {
		t.Errorf("%+v", f)
	}
	if most != 30 || guard.asked != 3 {
		t.Errorf("%d scored and %d judged, want 30 and 3", most, guard.asked)
	}
	if got := statsOf(e)["cache.search_incomplete"]; got != 1 {
		t.Errorf("%v incomplete searches, want 1", got)
	}
}

// never lets nothing pass.
type never struct{ asked int }

func (n *never) Score(_ context.Context, _ string, candidates []string) ([]float32, error) {
	n.asked += len(candidates)
	return make([]float32, len(candidates)), nil
}

// A template with many members ties every bound: the lookup gives up at its cap and says so.
func TestMatch_SaysWhenItReadNoMoreOfWhatIsAlike(t *testing.T) {
	s := lowering()
	s.Features, s.SearchFloor, s.Guard = alwaysAlike{}, 0.3, &never{}
	e := openEngine(t, with(s))
	for i := range 400 {
		remember(t, e, ask(fmt.Sprint(i)), "x")
	}
	f := look(t, e, ask("y"))
	if f.Action != base.ActionMiss || !strings.HasSuffix(f.Reason, "only 256 were read, and a nearer one may be among the others") {
		t.Errorf("%+v", f)
	}
	if got := statsOf(e)["cache.search_incomplete"]; got != 1 {
		t.Errorf("%v incomplete searches, want 1", got)
	}
}

// alwaysAlike gives stored texts sets of which the query's has a third, with bits that say nothing.
type alwaysAlike struct{}

func (alwaysAlike) Features(_ context.Context, texts []string) ([][]uint64, error) {
	set := make([]uint64, 3000)
	for i := range set {
		set[i] = uint64(3 * i)
	}
	if n := []byte(texts[0]); n[0] != 'y' {
		for i := range 2000 {
			set[1000+i] = uint64(3*(1000+i)) + 1 + uint64(n[len(n)-1])%2
		}
	}
	return [][]uint64{set}, nil
}
