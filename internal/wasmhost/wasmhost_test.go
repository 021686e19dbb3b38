package wasmhost

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// openRuntime returns a runtime that is closed with the test.
func openRuntime(t testing.TB) *Runtime {
	t.Helper()
	r, err := Open(t.Context(), RuntimeOptions{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("closing the runtime: %v", err)
		}
	})
	return r
}

// fixture is a guest of testdata.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	module, err := os.ReadFile(filepath.Join("testdata", name+".wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return module
}

// loadFixture loads a guest of testdata into a runtime of its own. change may be nil.
func loadFixture(t testing.TB, name string, change func(*Options)) *Plugin {
	t.Helper()
	o := Options{Runtime: openRuntime(t), Name: name, Module: fixture(t, name), Logger: quiet}
	if change != nil {
		change(&o)
	}
	p, err := Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlugin_AnswersEveryRole(t *testing.T) {
	p := loadFixture(t, "basic", func(o *Options) { o.Config = []byte(`{"topic":"news","n":3}`) })
	ctx := t.Context()

	if m := p.Manifest(); m.Name != "basic" || m.Version != "1.2" || !m.Has(hostapi.RoleScore) || m.Has(hostapi.RoleOnEvict) {
		t.Errorf("manifest is %+v", m)
	}
	if got, err := p.Normalize(ctx, "Hello, WORLD"); got != "hello, world" || err != nil {
		t.Errorf("Normalize: %q, %v", got, err)
	}
	if got, err := p.Normalize(ctx, ""); got != "" || err != nil {
		t.Errorf("Normalize of nothing: %q, %v", got, err)
	}
	scores, err := p.Score(ctx, "query", make([]string, 1200))
	if err != nil || len(scores) != 1200 || scores[1199] != 0.5 {
		t.Errorf("Score of 1,200: %d scores, %v", len(scores), err)
	}
	sets, err := p.Features(ctx, []string{"", "four", "text of 13 B."})
	if err != nil || len(sets) != 3 || sets[0][0] != 0 || sets[1][0] != 4 || sets[2][0] != 13 {
		t.Errorf("Features: %v, %v", sets, err)
	}
	d, err := p.Hook(ctx, &hostapi.Event{Hook: hostapi.RoleOnHit})
	if err != nil || d == nil || *d.Accept || d.Reason != "stale" {
		t.Errorf("on_hit: %+v, %v", d, err)
	}
	if d, err := p.Hook(ctx, &hostapi.Event{Hook: hostapi.RoleOnMiss}); d != nil || err != nil {
		t.Errorf("on_miss without an opinion: %+v, %v", d, err)
	}
	d, err = p.Hook(ctx, &hostapi.Event{Hook: hostapi.RoleOnLookup})
	if err != nil || d == nil || *d.Topic != "news" {
		t.Errorf("on_lookup: %+v, %v", d, err)
	}
	if e, err := p.Explain(ctx, "a", "b"); err != nil || e.Verdict != "same" {
		t.Errorf("Explain: %+v, %v", e, err)
	}
	if _, err := p.Hook(ctx, &hostapi.Event{Hook: hostapi.RoleOnStore}); !errors.Is(err, hostapi.ErrRole) {
		t.Errorf("on_store, which it has not: %v", err)
	}

	s := p.Stats()
	if s.Calls != 8 || s.Failures != (Failures{}) || s.Steps == 0 || s.Instances != 1 || s.Metrics["calls"] != 2 {
		t.Errorf("stats are %+v", s)
	}
}

func TestPlugin_IsGivenTextsOnly(t *testing.T) {
	p := loadFixture(t, "basic", nil)
	for _, text := range []string{"\xff", strings.Repeat("x", hostapi.MaxText+1)} {
		_, err1 := p.Normalize(t.Context(), text)
		_, err2 := p.Score(t.Context(), "q", []string{"a", text})
		_, err3 := p.Features(t.Context(), []string{text})
		for _, err := range []error{err1, err2, err3} {
			if err == nil || errors.Is(err, hostapi.ErrOutput) || !strings.Contains(err.Error(), "a text") {
				t.Errorf("%d bytes: %v, want that this is no text for a plugin", len(text), err)
			}
		}
	}
	if s := p.Stats(); s.Calls != 0 {
		t.Errorf("stats are %+v, want no calls", s)
	}
}

func TestPlugin_CloseEndsIt(t *testing.T) {
	p := loadFixture(t, "basic", nil)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := p.Normalize(context.Background(), "x"); !errors.Is(err, hostapi.ErrClosed) || !strings.Contains(err.Error(), `"basic"`) {
		t.Errorf("Normalize after Close: %v", err)
	}
}

var quiet = slog.New(slog.DiscardHandler)

// fakeGlobal stands for a global of a guest.
type fakeGlobal struct {
	api.MutableGlobal
	value uint64
}

func (g *fakeGlobal) Get() uint64  { return g.value }
func (g *fakeGlobal) Set(v uint64) { g.value = v }
