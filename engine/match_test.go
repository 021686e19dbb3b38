package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/ngram"
)

type normalizerFunc func(string) string

func (f normalizerFunc) Normalize(_ context.Context, text string) (string, error) {
	return f(text), nil
}

// sameButPolite is a guard that forgives the word please, whatever case the texts have.
type sameButPolite struct{ failure error }

func (g sameButPolite) Score(_ context.Context, query string, candidates []string) ([]float32, error) {
	bare := func(text string) string {
		return strings.Join(strings.Fields(strings.ReplaceAll(strings.ToLower(text), "please", "")), " ")
	}
	scores := make([]float32, len(candidates))
	for i, c := range candidates {
		if bare(c) == bare(query) {
			scores[i] = 1
		}
	}
	return scores, g.failure
}

func (sameButPolite) Explain(context.Context, string, string) (*hostapi.Explanation, error) {
	return &hostapi.Explanation{Verdict: "different", Reason: "another word"}, nil
}

func lowering() *Strategy {
	return &Strategy{
		Name: "default", Normalizers: []Normalizer{normalizerFunc(strings.ToLower)},
		Generation: func() [16]byte { return [16]byte{1} },
		Grams:      ngram.Spec{Unit: ngram.Char, Min: 2, Max: 3}, SearchFloor: 0.5, Floor: 0.5, Guard: sameButPolite{}, Threshold: 0.9,
	}
}

func with(strategies ...*Strategy) Options {
	return Options{Strategy: "default", Strategies: func(context.Context) ([]*Strategy, error) { return strategies, nil }}
}

const question = "What is the capital of Niger?"

func TestMatch_ServesWhatIsAlikeAndNothingElse(t *testing.T) {
	e := openEngine(t, with(lowering()))
	remember(t, e, ask(question), "Niamey")
	for prompt, want := range map[string]base.Kind{
		question:                               base.KindExact,
		"what is the CAPITAL of niger?":        base.KindNormalized,
		"please, what is the capital of niger": base.KindNone, // a comma and a question mark are not forgiven
		"What is the capital of Niger? Please": base.KindApprox,
		"What is the capital of Nigeria?":      base.KindNone,
		"Something else entirely":              base.KindNone,
	} {
		f := look(t, e, ask(prompt))
		if f.Kind != want || (want != base.KindNone) != (f.Action == base.ActionAnswer) {
			t.Errorf("%q: %+v, want kind %q", prompt, f, want)
		}
		if f.Action == base.ActionAnswer && (f.Result.Text != "Niamey" || f.Entry != "1" || f.Score <= 0.5) {
			t.Errorf("%q: %+v, result %+v", prompt, f, f.Result)
		}
	}
	if f := look(t, e, ask("What is the capital of Nigeria?")); !strings.Contains(f.Reason, "entry, 1, is alike by 0.") || !strings.HasSuffix(f.Reason, "asks something else: another word") {
		t.Errorf("reason %q", f.Reason)
	}
	s := statsOf(e)
	for name, want := range map[string]float64{"cache.hit_exact": 2, "cache.hit_exact_bytes": 1, "cache.hit_normalized": 1, "cache.hit_approx": 1, "cache.miss_absent": 1, "cache.miss_guard": 3} {
		if s[name] != want {
			t.Errorf("%s is %v, want %v", name, s[name], want)
		}
	}
}

func TestMatch_NeverCrossesTenantsModelsOrParameters(t *testing.T) {
	e := openEngine(t, with(lowering()))
	remember(t, e, ask(question), "Niamey")
	upper := strings.ToUpper(question)
	for name, q := range map[string]*Query{
		"another tenant":   {Tenant: "x", Request: ask(upper).Request},
		"another model":    {Model: ModelID{1}, Request: ask(upper).Request},
		"a system message": {Request: &Request{Messages: []base.Message{{Role: "system", Content: "s"}, {Role: "user", Content: upper}}}},
		"a stop string":    {Request: &Request{Messages: ask(upper).Request.Messages, Stop: []string{"x"}}},
		"plain text":       {Request: &Request{Prompt: upper}},
	} {
		if f := look(t, e, q); f.Action != base.ActionMiss {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestMatch_ExactOnlyServesEqualFormsOnly(t *testing.T) {
	o := with(lowering())
	o.ExactOnly = true
	e := openEngine(t, o)
	remember(t, e, ask(question), "Niamey")
	if f := look(t, e, ask(strings.ToUpper(question))); f.Kind != base.KindNormalized {
		t.Errorf("%+v", f)
	}
	if f := look(t, e, ask(question+" Please")); f.Action != base.ActionMiss {
		t.Errorf("%+v", f)
	}
}

func TestMatch_WithoutGuardTheThresholdDecides(t *testing.T) {
	s := lowering()
	s.Guard, s.Threshold = nil, 0.8
	e := openEngine(t, with(s))
	remember(t, e, ask(question), "Niamey")
	if f := look(t, e, ask(question+" ok")); f.Kind != base.KindApprox || f.Score < 0.8 {
		t.Errorf("%+v", f)
	}
	if f := look(t, e, ask("What is the capital of the Congo?")); f.Action != base.ActionMiss || !strings.Contains(f.Reason, "less than 0.80") {
		t.Errorf("%+v", f)
	}
}

func TestMatch_ExpiredLongerAndRejectedCandidatesDoNotServe(t *testing.T) {
	c := newClock()
	o := with(lowering())
	o.Now, o.TTL = c.Now, time.Hour
	o.Hooks = only(hostapi.RoleOnHit, func(e *hostapi.Event) hostapi.Decision {
		return hostapi.Decision{Accept: new(e.Entry.Kind != "approx")}
	})
	e := openEngine(t, o)
	remember(t, e, ask(question), "Niamey")
	short := ask(strings.ToUpper(question))
	short.Request.MaxTokens = 2
	if f := look(t, e, short); f.Action != base.ActionMiss {
		t.Errorf("longer than asked for: %+v", f)
	}
	if f := look(t, e, ask(question+" please")); f.Action != base.ActionMiss || !strings.Contains(f.Reason, "hook") {
		t.Errorf("rejected: %+v", f)
	}
	if f := look(t, e, ask(strings.ToUpper(question))); f.Kind != base.KindNormalized {
		t.Errorf("accepted: %+v", f)
	}
	c.advance(2 * time.Hour)
	if f := look(t, e, ask(strings.ToUpper(question))); f.Action != base.ActionMiss {
		t.Errorf("expired: %+v", f)
	}
}

func TestMatch_FailuresAreMisses(t *testing.T) {
	s := lowering()
	s.Guard = sameButPolite{errors.New("the guard broke")}
	e := openEngine(t, with(s))
	remember(t, e, ask(question), "Niamey")
	if f := look(t, e, ask(strings.ToUpper(question))); f.Action != base.ActionMiss || !strings.HasSuffix(f.Reason, "matching failed: the guard broke") {
		t.Errorf("%+v", f)
	}
	broken := openEngine(t, Options{Strategies: func(context.Context) ([]*Strategy, error) { return nil, errors.New("no plugin") }})
	remember(t, broken, ask(question), "Niamey")
	if f := look(t, broken, ask(question)); f.Kind != base.KindExact {
		t.Errorf("what needs no strategy: %+v", f)
	}
	if f := look(t, broken, ask("other")); f.Action != base.ActionMiss || !strings.HasSuffix(f.Reason, "no plugin") {
		t.Errorf("%+v", f)
	}
	if got := statsOf(broken)["cache.miss_unmatched"]; got != 1 {
		t.Errorf("%v failures counted", got)
	}
}

func TestMatch_IndexOutlivesTheProcessAndFollowsRemovals(t *testing.T) {
	o := with(lowering())
	o.Dir = t.TempDir() + "/db"
	e := openEngine(t, o)
	for i := range 30 {
		remember(t, e, ask(fmt.Sprintf("Question number %d about the river %c", i, 'a'+i)), fmt.Sprint(i))
	}
	remember(t, e, ask("Question number 3 about the river d"), "again") // in place of the old one
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openEngine(t, o)
	if f := look(t, e, ask("QUESTION number 3 about the river d")); f.Kind != base.KindNormalized || f.Result.Text != "again" {
		t.Errorf("%+v", f)
	}
	if err := e.Remove(t.Context(), look(t, e, ask("QUESTION number 7 about the river h")).Entry); err != nil {
		t.Fatal(err)
	}
	if f := look(t, e, ask("QUESTION number 7 about the river h")); f.Action != base.ActionMiss {
		t.Errorf("a removed entry serves: %+v", f)
	}
	if got := e.loadedMatcher().index.Stats().Entries; got != 29 {
		t.Errorf("%d entries in the index, want 29", got)
	}
	if got := signatures(t, e); got != 29 {
		t.Errorf("%d signatures in the store, want 29", got)
	}
}

func signatures(t *testing.T, e *Engine) (n int) {
	t.Helper()
	for _, err := range e.store.Walk(keyspace.SignaturePrefix()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// TestMatch_ANewGenerationIsFilledInTheBackground changes the normalizer of a running engine, and opens a
// store from before there were strategies.
func TestMatch_ANewGenerationIsFilledInTheBackground(t *testing.T) {
	dir := t.TempDir() + "/db"
	e := openEngine(t, Options{Dir: dir})
	for i := range 300 {
		remember(t, e, ask(fmt.Sprintf("Question number %d?", i)), fmt.Sprint(i))
	}
	remember(t, e, &Query{Request: &Request{Prompt: "plain text"}}, "has no form")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	var generation atomic.Uint32
	s := lowering()
	s.Generation = func() [16]byte { return [16]byte{byte(generation.Load())} }
	o := with(s)
	o.Dir = dir
	e = openEngine(t, o)
	for _, now := range []uint32{0, 1, 2, 0} { // and back to one that there was
		generation.Store(now)
		eventually(t, func() bool { return look(t, e, ask("QUESTION number 299?")).Kind == base.KindNormalized })
		eventually(t, func() bool { return signatures(t, e) == 300 })
		if got := e.loadedMatcher().index.Stats().Entries; got != 300 {
			t.Errorf("generation %d: %d entries in the index, want 300", now, got)
		}
	}
	if f := look(t, e, ask("Question number 5?")); f.Kind != base.KindExact || f.Result.Text != "5" {
		t.Errorf("%+v", f)
	}
}

func eventually(t *testing.T, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
	}
}

// flaky fails while it is told to.
type flaky struct{ fails atomic.Bool }

func (f *flaky) Normalize(_ context.Context, text string) (string, error) {
	if f.fails.Load() {
		return "", errors.New("it rests")
	}
	return strings.ToLower(text), nil
}

func TestMatch_NormalizerThatFailsCostsNoForms(t *testing.T) {
	n := &flaky{}
	var generation atomic.Uint32
	s := lowering()
	s.Normalizers, s.Generation = []Normalizer{n}, func() [16]byte { return [16]byte{byte(generation.Load())} }
	e := openEngine(t, with(s))
	for i := range 20 {
		remember(t, e, ask(fmt.Sprintf("Question number %d?", i)), fmt.Sprint(i))
	}
	n.fails.Store(true)
	generation.Store(1)
	if f := look(t, e, ask("QUESTION number 3?")); f.Action != base.ActionMiss {
		t.Errorf("%+v", f)
	}
	e.matching.filling.waitFor(t.Context(), time.Minute)
	if got := signatures(t, e); got != 20 {
		t.Errorf("%d signatures, want the 20 of before", got)
	}
	n.fails.Store(false)
	generation.Store(0)
	if f := look(t, e, ask("QUESTION number 3?")); f.Kind != base.KindNormalized {
		t.Errorf("%+v", f)
	}
}

func TestMatch_ExpiredVariantsHideNoFreshOne(t *testing.T) {
	c := newClock()
	o := with(lowering())
	o.Now, o.TTL = c.Now, time.Hour
	e := openEngine(t, o)
	for i := range 2 * defaultCandidates {
		remember(t, e, ask(question+strings.Repeat(" please", i)), "old")
	}
	c.advance(2 * time.Hour)
	remember(t, e, ask(question), "fresh")
	if f := look(t, e, ask(strings.ToUpper(question))); f.Action != base.ActionAnswer || f.Result.Text != "fresh" {
		t.Errorf("%+v", f)
	}
}

// scores is a scorer that says what it is told.
type scores map[string]float32

func (s scores) Score(_ context.Context, _ string, candidates []string) (all []float32, err error) {
	for _, c := range candidates {
		if score, ok := s[c]; ok {
			all = append(all, score)
		}
	}
	return all, nil
}

func TestMatch_TheBestByAllScorersServes(t *testing.T) {
	s := lowering()
	s.Guard, s.Threshold = nil, 0.6
	near, far := strings.ToLower(question)+" ok", strings.ToLower(question)+" or not"
	s.Scorers = []Scorer{scores{near: 0.61, far: 0.8}}
	e := openEngine(t, with(s))
	remember(t, e, ask(near), "near")
	remember(t, e, ask(far), "far")
	if f := look(t, e, ask(question)); f.Action != base.ActionAnswer || f.Result.Text != "far" {
		t.Errorf("%+v", f)
	}
	remember(t, e, ask(question+" no"), "not scored")
	if f := look(t, e, ask(question)); f.Action != base.ActionMiss || !strings.Contains(f.Reason, "2 for 3 candidates") {
		t.Errorf("a scorer that leaves one out: %+v", f)
	}
	o := with(s)
	o.Strategy = "another"
	if f := look(t, openEngine(t, o), ask(question)); f.Action != base.ActionMiss || !strings.Contains(f.Reason, `no strategy "another"`) {
		t.Errorf("a strategy that is not there: %+v", f)
	}
}
