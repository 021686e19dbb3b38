package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

func openEngine(t testing.TB, o Options) *Engine {
	t.Helper()
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func ask(prompt string) *Query {
	return &Query{Request: &Request{Messages: []base.Message{{Role: base.RoleUser, Content: prompt}}}}
}

func answered(text string) *Result {
	return &Result{
		Text: text, FinishReason: base.FinishStop, Tokens: []base.Token{7, 8}, PromptTokens: []base.Token{1, 2, 3},
		Usage: base.Usage{PromptTokens: 3, CompletionTokens: 3}, Timings: base.Timings{Queue: time.Hour, Prefill: 3 * time.Second, Decode: time.Second},
	}
}

func remember(t testing.TB, e *Engine, q *Query, text string) {
	t.Helper()
	receipt, err := e.Remember(t.Context(), q, answered(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := receipt.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func look(t testing.TB, e *Engine, q *Query) *Found {
	t.Helper()
	f, err := e.Lookup(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestEngine_AnswersWhatItRemembered(t *testing.T) {
	dir := t.TempDir() + "/db"
	c := newClock()
	e := openEngine(t, Options{Dir: dir, Now: c.Now})
	if f := look(t, e, ask("a")); f.Action != base.ActionMiss || f.Reason == "" {
		t.Errorf("before: %+v", f)
	}
	remember(t, e, ask("a"), "answer")
	check := func(e *Engine, when string) {
		f := look(t, e, ask("a"))
		if f.Action != base.ActionAnswer || f.Kind != base.KindExact || f.Score != 1 || f.Result.Text != "answer" || len(f.Result.Tokens) != 2 {
			t.Errorf("%s: %+v, result %+v", when, f, f.Result)
		}
		if f.Cost != 4*time.Second {
			t.Errorf("%s: cost %v, want prefill and decode, 4s", when, f.Cost)
		}
	}
	check(e, "at once")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Hour)
	again := openEngine(t, Options{Dir: dir, Now: c.Now, MustExist: true})
	check(again, "after reopening")
	if f := look(t, again, ask("a")); f.Reason != "exactly this request was answered 1 hour ago" {
		t.Errorf("reason %q", f.Reason)
	}
	stats := statsOf(again)
	for name, want := range map[string]float64{"cache.size": 1, "cache.hit_exact": 3, "cache.miss_absent": 1, "cache.miss": 1, "cache.remembered": 1, "cache.lookups": 4} {
		if stats[name] != want {
			t.Errorf("%s = %v, want %v", name, stats[name], want)
		}
	}
}

func TestEngine_NothingCrossesRequestsModelsOrTenants(t *testing.T) {
	e := openEngine(t, Options{})
	base0 := ask("a")
	remember(t, e, base0, "answer")
	others := map[string]*Query{
		"another prompt":       ask("b"),
		"another case":         ask("A"),
		"a space more":         ask("a "),
		"another tenant":       {Tenant: "x", Request: base0.Request},
		"another model":        {Model: ModelID{1}, Request: base0.Request},
		"a system message":     {Request: &Request{Messages: []base.Message{{Role: "system", Content: "s"}, {Role: "user", Content: "a"}}}},
		"plain text":           {Request: &Request{Prompt: "a"}},
		"a stop string":        {Request: &Request{Messages: base0.Request.Messages, Stop: []string{"x"}}},
		"a seeded temperature": {Request: &Request{Messages: base0.Request.Messages, Sampling: base.Sampling{Temperature: 1, Seed: new(uint32)}}},
	}
	for name, q := range others {
		if f := look(t, e, q); f.Action != base.ActionMiss {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestEngine_ExpiryLimitsAndSampling(t *testing.T) {
	c := newClock()
	e := openEngine(t, Options{Now: c.Now, TTL: time.Hour})
	remember(t, e, ask("a"), "answer")

	short := ask("a")
	short.Request.MaxTokens = 2
	if f := look(t, e, short); f.Action != base.ActionMiss || !strings.Contains(f.Reason, "took 3 tokens, more than the 2") {
		t.Errorf("a shorter limit: %+v", f)
	}
	short.Request.MaxTokens = 3
	if f := look(t, e, short); f.Action != base.ActionAnswer {
		t.Errorf("a limit it fits: %+v", f)
	}
	c.advance(time.Hour)
	if f := look(t, e, ask("a")); f.Action != base.ActionMiss || !strings.Contains(f.Reason, "expired") {
		t.Errorf("after an hour: %+v", f)
	}
	drawn := ask("a")
	drawn.Request.Sampling.Temperature = 1
	if f := look(t, e, drawn); f.Action != base.ActionBypass {
		t.Errorf("drawn without a seed: %+v", f)
	}
	remember(t, e, drawn, "x")
	if got := statsOf(e)["cache.size"]; got != 1 {
		t.Errorf("%v entries after a bypassed answer, want 1", got)
	}
	cut := answered("cut")
	cut.FinishReason = base.FinishLength
	if _, err := e.Remember(t.Context(), ask("cut"), cut); err != nil {
		t.Fatal(err)
	}
	if f := look(t, e, ask("cut")); f.Action != base.ActionMiss {
		t.Errorf("an answer cut short was remembered: %+v", f)
	}
}

func TestEngine_KeepsToItsLimitAndOfEqualEntriesDropsTheOldest(t *testing.T) {
	e := openEngine(t, Options{MaxEntries: 5})
	for i := range 12 {
		remember(t, e, ask(fmt.Sprintf("%02d", i)), "answer")
	}
	for i := range 12 {
		want := base.ActionMiss
		if i >= 7 {
			want = base.ActionAnswer
		}
		if f := look(t, e, ask(fmt.Sprintf("%02d", i))); f.Action != want {
			t.Errorf("entry %d: %s, want %s", i, f.Action, want)
		}
	}
	if s := statsOf(e); s["cache.size"] != 5 || s["cache.evicted"] != 7 {
		t.Errorf("size %v, evicted %v; want 5, 7", s["cache.size"], s["cache.evicted"])
	}
}

func TestEngine_ListGetRemove(t *testing.T) {
	e := openEngine(t, Options{})
	for _, p := range []string{"one", "two", "three"} {
		remember(t, e, ask(p), "to "+p)
	}
	remember(t, e, ask("two"), "again")
	look(t, e, ask("two"))
	list, next, err := e.List(t.Context(), "", 2)
	if err != nil || len(list) != 2 || next == "" || list[0].Prompt != "one" || list[1].Prompt != "three" {
		t.Fatalf("list %+v, next %q, %v", list, next, err)
	}
	rest, next, err := e.List(t.Context(), next, 2)
	if err != nil || len(rest) != 1 || next != "" || rest[0].Answer != "again" || rest[0].Uses != 1 {
		t.Fatalf("rest %+v, next %q, %v", rest, next, err)
	}
	if err := e.Remove(t.Context(), list[0].ID); err != nil {
		t.Fatal(err)
	}
	if f := look(t, e, ask("one")); f.Action != base.ActionMiss {
		t.Errorf("a removed entry serves: %+v", f)
	}
	for _, id := range []string{list[0].ID, "zz", ""} {
		if _, err := e.Get(t.Context(), id); !errors.Is(err, ErrNotFound) && !errors.Is(err, base.ErrInvalid) {
			t.Errorf("Get(%q): %v", id, err)
		}
		if err := e.Remove(t.Context(), id); err == nil {
			t.Errorf("Remove(%q): no error", id)
		}
	}
}

func TestEngine_ServeInfersOnceAndThenAnswers(t *testing.T) {
	e := openEngine(t, Options{})
	var runs atomic.Int32
	infer := func(_ context.Context, emit func(Chunk) error) (*Result, error) {
		runs.Add(1)
		return answered("answer"), emit(Chunk{Text: "answer"})
	}
	for i, want := range []base.Action{base.ActionMiss, base.ActionAnswer, base.ActionAnswer} {
		var heard string
		a, err := e.Serve(t.Context(), ask("a"), infer, collect(&heard))
		if err != nil || a.Action != want || a.Result.Text != "answer" || heard != "answer" {
			t.Errorf("request %d: %+v, heard %q, %v", i, a, heard, err)
		}
		if err := a.Receipt.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if want == base.ActionAnswer && (a.Saved <= 0 || a.Saved > 4*time.Second) {
			t.Errorf("request %d saved %v, want up to 4s", i, a.Saved)
		}
	}
	if runs.Load() != 1 {
		t.Errorf("%d inferences, want 1", runs.Load())
	}
	broken := errors.New("no model")
	if _, err := e.Serve(t.Context(), ask("b"), func(context.Context, func(Chunk) error) (*Result, error) { return nil, broken }, collect(new(string))); err != broken {
		t.Errorf("error %v, want infer's own", err)
	}
}

func TestEngine_AStoreThatFailsIsAMiss(t *testing.T) {
	disk := store.NewFakeDisk()
	var failures atomic.Int32
	e := openEngine(t, Options{Dir: "db", disk: disk, Events: EventListener{Failed: func(FailureInfo) { failures.Add(1) }}})
	remember(t, e, ask("a"), "answer")
	disk.FailAfter(0, syscall.ENOSPC)
	infer := func(_ context.Context, emit func(Chunk) error) (*Result, error) {
		return answered("x"), emit(Chunk{Text: "x"})
	}
	for i := range 3 {
		a, err := e.Serve(t.Context(), ask(fmt.Sprint("new ", i)), infer, collect(new(string)))
		if err != nil {
			t.Fatalf("the caller got %v", err)
		}
		if err := a.Receipt.Wait(t.Context()); i == 0 && !errors.Is(err, store.ErrFull) {
			t.Errorf("the receipt of an answer the disk refused: %v, want ErrFull", err)
		}
	}
	if failures.Load() == 0 {
		t.Error("nobody was told that answers could not be stored")
	}
	again := openEngine(t, Options{Dir: "db", disk: disk.Crash(0, rand.New(rand.NewPCG(1, 2)))})
	if f := look(t, again, ask("a")); f.Action != base.ActionMiss && f.Result.Text != "answer" {
		t.Errorf("after the failure: %+v", f)
	}
	if got := statsOf(again)["cache.size"]; got < 1 {
		t.Errorf("%v entries, want the acknowledged one at least", got)
	}
}

// What was acknowledged is there after a crash, whole; the counts agree with it.
func TestEngine_CrashKeepsWhatWasAcknowledged(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		disk := store.NewFakeDisk()
		e := openEngine(t, Options{Dir: "db", disk: disk, MaxEntries: 1000})
		acknowledged := map[string]string{}
		for i := range 60 {
			prompt, text := fmt.Sprint(random.IntN(30)), fmt.Sprint("answer ", i)
			receipt, err := e.Remember(t.Context(), ask(prompt), answered(text))
			if err != nil {
				t.Fatal(err)
			}
			delete(acknowledged, prompt) // either answer may be there until the new one is safe
			if random.IntN(3) == 0 {
				if err := receipt.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				acknowledged[prompt] = text
			}
		}
		survivor := openEngine(t, Options{Dir: "db", disk: disk.Crash(random.IntN(101), random)})
		list, _, err := survivor.List(t.Context(), "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for _, entry := range list {
			found[entry.Prompt] = entry.Answer
		}
		for prompt, text := range acknowledged {
			if found[prompt] != text {
				t.Errorf("seed %d: prompt %s has %q, acknowledged was %q", seed, prompt, found[prompt], text)
			}
		}
		if got := statsOf(survivor)["cache.size"]; int(got) != len(list) {
			t.Errorf("seed %d: cache.size %v, entries %d", seed, got, len(list))
		}
	}
}

func TestEngine_Hammer(t *testing.T) {
	e := openEngine(t, Options{MaxEntries: 20})
	infer := func(_ context.Context, emit func(Chunk) error) (*Result, error) {
		return answered("x"), emit(Chunk{Text: "x"})
	}
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 100 {
				q := ask(fmt.Sprint((w + i) % 40))
				if _, err := e.Serve(t.Context(), q, infer, collect(new(string))); err != nil {
					t.Error(err)
				}
				if i%10 == 0 {
					if list, _, _ := e.List(t.Context(), "", 1); len(list) > 0 {
						e.Remove(t.Context(), list[0].ID)
					}
				}
			}
		})
	}
	all.Wait()
	list, _, err := e.List(t.Context(), "", 1000)
	if err != nil || float64(len(list)) != statsOf(e)["cache.size"] || len(list) > 20 {
		t.Errorf("%d entries, cache.size %v, %v", len(list), statsOf(e)["cache.size"], err)
	}
}

func statsOf(e *Engine) map[string]float64 {
	stats, _ := e.Stats(context.Background())
	return stats
}
