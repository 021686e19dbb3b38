package engine

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// fakeHooks answers each kind of event by a function.
type fakeHooks map[hostapi.Role]func(*hostapi.Event) hostapi.Decision

func (f fakeHooks) Wants(hook hostapi.Role) bool { return f[hook] != nil }

func (f fakeHooks) Ask(_ context.Context, e *hostapi.Event) hostapi.Decision { return f[e.Hook](e) }

func only(hook hostapi.Role, f func(*hostapi.Event) hostapi.Decision) fakeHooks {
	return fakeHooks{hook: f}
}

func TestHooks_OnLookupBypassesOrNamesATopic(t *testing.T) {
	e := openEngine(t, Options{Hooks: only(hostapi.RoleOnLookup, func(e *hostapi.Event) hostapi.Decision {
		if strings.Contains(e.Request.Prompt, "secret") {
			return hostapi.Decision{Bypass: new(true), Reason: "it says secret"}
		}
		return hostapi.Decision{Topic: new("plain")}
	})})
	infer := func(context.Context, func(Chunk) error) (*Result, error) { return answered("x"), nil }
	for range 2 {
		a, err := e.Serve(t.Context(), ask("a secret"), infer, func(Chunk) error { return nil })
		if err != nil || a.Action != base.ActionBypass || a.Reason != "a hook left the cache out: it says secret" {
			t.Errorf("%+v, %v", a, err)
		}
	}
	if _, err := e.Serve(t.Context(), ask("a question"), infer, func(Chunk) error { return nil }); err != nil {
		t.Fatal(err)
	}
	list, _, err := e.List(t.Context(), "", 0)
	if err != nil || len(list) != 1 || list[0].Topic != "plain" {
		t.Errorf("entries %+v, %v; want one with the topic plain", list, err)
	}
	if s := statsOf(e); s["cache.bypass_hook"] != 2 || s["cache.bypass"] != 2 {
		t.Errorf("stats %v", s)
	}
}

func TestHooks_OnHitRejects(t *testing.T) {
	c := newClock()
	var seen *hostapi.Event
	e := openEngine(t, Options{Now: c.Now, Hooks: only(hostapi.RoleOnHit, func(e *hostapi.Event) hostapi.Decision {
		seen = e
		return hostapi.Decision{Accept: new(e.Entry.AgeMS < 1000), Reason: "older than a second"}
	})})
	remember(t, e, ask("a"), "answer")
	if f := look(t, e, ask("a")); f.Action != base.ActionAnswer {
		t.Errorf("fresh: %+v", f)
	}
	c.advance(time.Minute)
	if f := look(t, e, ask("a")); f.Action != base.ActionMiss || f.Reason != "a hook rejected the stored answer: older than a second" {
		t.Errorf("old: %+v", f)
	}
	want := hostapi.Entry{ID: "1", Kind: "exact", Score: 1, Prompt: "a", Answer: "answer", AgeMS: 60_000, IdleMS: 60_000, Uses: 1, CostMS: 4000}
	got := *seen.Entry
	if got.TTLMS <= 0 || got.Bytes <= 0 {
		t.Errorf("event %+v", got)
	}
	got.TTLMS, got.Bytes = 0, 0
	if got.Tags != nil || got.ID != want.ID || got.Kind != want.Kind || got.Answer != want.Answer || got.AgeMS != want.AgeMS || got.IdleMS != want.IdleMS || got.Uses != want.Uses || got.CostMS != want.CostMS {
		t.Errorf("event %+v, want %+v", got, want)
	}
	if s := statsOf(e); s["cache.miss_rejected"] != 1 || s["cache.miss"] != 1 || s["cache.hit_exact"] != 1 {
		t.Errorf("stats %v", s)
	}
	if entry, err := e.Get(t.Context(), "1"); err != nil || entry.Uses != 1 {
		t.Errorf("a rejected hit counts as a use: %+v, %v", entry, err)
	}
}

func TestHooks_OnMissBoundsWhatIsRestored(t *testing.T) {
	e := openEngine(t, Options{Hooks: only(hostapi.RoleOnMiss, func(e *hostapi.Event) hostapi.Decision {
		if e.Miss.Reason == "" {
			t.Error("the event gives no reason")
		}
		if e.Request.Prompt == "none" {
			return hostapi.Decision{Resume: new(false)}
		}
		return hostapi.Decision{MaxRestoredTokens: new(64)}
	})})
	if f := look(t, e, ask("none")); !f.Restore.Never {
		t.Errorf("%+v", f)
	}
	if f := look(t, e, ask("some")); f.Restore != (Restore{Limited: true, Tokens: 64}) {
		t.Errorf("%+v", f)
	}
}

func TestHooks_OnStoreShapesTheEntryOrRefusesIt(t *testing.T) {
	c := newClock()
	e := openEngine(t, Options{Now: c.Now, TTL: time.Hour, Hooks: only(hostapi.RoleOnStore, func(e *hostapi.Event) hostapi.Decision {
		switch {
		case e.Result.Answer == "no":
			return hostapi.Decision{Store: new(false)}
		case e.Result.Answer == "never":
			return hostapi.Decision{TTLMS: new(int64(0))}
		case e.Result.Answer == "long":
			return hostapi.Decision{TTLMS: new(int64(1 << 40))}
		}
		return hostapi.Decision{TTLMS: new(int64(1000)), Topic: new("t"), Tags: []string{"x", "y"}}
	})})
	for _, answer := range []string{"no", "never", "long", "short"} {
		remember(t, e, ask(answer), answer)
	}
	list, _, err := e.List(t.Context(), "", 0)
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v; want two entries", list, err)
	}
	if got := list[0].Expires.Sub(c.Now()); got != time.Hour {
		t.Errorf("a hook stretched the TTL to %v", got)
	}
	short := list[1]
	if short.Expires.Sub(c.Now()) != time.Second || short.Topic != "t" || strings.Join(short.Tags, " ") != "x y" {
		t.Errorf("%+v", short)
	}
	if s := statsOf(e); s["cache.unstored_hook"] != 2 {
		t.Errorf("stats %v", s)
	}
}

func TestHooks_OnEvictSparesWhileOthersCanGo(t *testing.T) {
	keep := func(e *hostapi.Event) hostapi.Decision {
		return hostapi.Decision{Keep: new(strings.HasPrefix(e.Entry.Prompt, "keep"))}
	}
	e := openEngine(t, Options{MaxEntries: 3, Hooks: only(hostapi.RoleOnEvict, keep)})
	for _, prompt := range []string{"keep 1", "a", "keep 2", "b", "c"} {
		remember(t, e, ask(prompt), prompt)
	}
	if got := prompts(t, e); got != "keep 1, keep 2, c" {
		t.Errorf("entries %s", got)
	}
	remember(t, e, ask("keep 3"), "x")
	remember(t, e, ask("keep 4"), "x")
	if got := prompts(t, e); got != "keep 2, keep 3, keep 4" {
		t.Errorf("entries %s; want the oldest gone when all are to be kept", got)
	}
}

func prompts(t *testing.T, e *Engine) string {
	t.Helper()
	list, _, err := e.List(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range list {
		all = append(all, entry.Prompt)
	}
	return strings.Join(all, ", ")
}

// TestEngine_LoweredLimitCountsAReplacedEntryOnce remembers anew what is among the oldest of a store that
// has more entries than it may keep now.
func TestEngine_LoweredLimitCountsAReplacedEntryOnce(t *testing.T) {
	dir := t.TempDir() + "/db"
	e := openEngine(t, Options{Dir: dir})
	for _, prompt := range []string{"a", "b", "c", "d"} {
		remember(t, e, ask(prompt), prompt)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openEngine(t, Options{Dir: dir, MaxEntries: 2})
	remember(t, e, ask("a"), "again")
	if got := prompts(t, e); got != "d, a" || statsOf(e)["cache.size"] != 2 {
		t.Errorf("entries %s, cache.size %v", got, statsOf(e)["cache.size"])
	}
}

// TestHooks_OnEvictIsAskedAboutAllThatHaveToGo lowers the limit of a store, so that several go at once.
func TestHooks_OnEvictIsAskedAboutAllThatHaveToGo(t *testing.T) {
	dir := t.TempDir() + "/db"
	e := openEngine(t, Options{Dir: dir})
	for _, prompt := range []string{"keep 1", "a", "keep 2", "b", "c", "d"} {
		remember(t, e, ask(prompt), prompt)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openEngine(t, Options{Dir: dir, MaxEntries: 4, Hooks: only(hostapi.RoleOnEvict, func(e *hostapi.Event) hostapi.Decision {
		return hostapi.Decision{Keep: new(strings.HasPrefix(e.Entry.Prompt, "keep"))}
	})})
	remember(t, e, ask("e"), "e")
	if got := prompts(t, e); got != "keep 1, keep 2, d, e" {
		t.Errorf("entries %s", got)
	}
}
