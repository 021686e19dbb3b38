package plugins_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/wasmhost"
)

// The guests of testdata/sdk, each built once.
var (
	pureGuest  = sync.OnceValues(func() (string, error) { return buildGo("pure") })
	hooksGuest = sync.OnceValues(func() (string, error) { return buildGo("hooks") })
)

func buildGo(name string) (string, error) {
	path := filepath.Join(made, name+".wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-buildmode=c-shared", "-ldflags=-s -w", "-o", path,
		"./testdata/sdk/"+name)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
}

// built is where one of them lies.
func built(t *testing.T, guest func() (string, error)) string {
	t.Helper()
	path, err := guest()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, o wasmhost.Options) hostapi.Plugin {
	t.Helper()
	o.Runtime, o.Name = runtime, "sdk"
	p, err := wasmhost.Load(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func TestSDK_ReachesTheHostFunctions(t *testing.T) {
	path, ctx := built(t, pureGuest), context.Background()
	p := open(t, wasmhost.Options{Path: path, Config: json.RawMessage(`{"unit": "word", "n": 3, "long": "` + strings.Repeat("x", 900) + `"}`)})
	for text, want := range map[string]string{
		"  Grüße  AN\talle ": "grüsse an alle",
		"":                   "",
		"config unit":        "word true",
		"config n":           "3 true",
		"config none":        " false",
		"config long":        strings.Repeat("x", 900) + " true",
	} {
		if got, err := p.Normalize(ctx, text); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
	sets, err := p.Features(ctx, []string{"one two", "one two one two", "two"})
	if err != nil || len(sets[0]) != 3 || len(sets[1]) != 4 || len(sets[2]) != 1 || !slices.Contains(sets[0], sets[2][0]) {
		t.Errorf("features: got %v, %v", sets, err)
	}
	e, err := p.(hostapi.Explainer).Explain(ctx, "abc", "é")
	if err != nil || e.Reason != "3 and 2 bytes" {
		t.Errorf("explain: got %+v, %v", e, err)
	}
}

func TestSDK_ScoresByGramsAndBySets(t *testing.T) {
	path, ctx := built(t, pureGuest), context.Background()
	p := open(t, wasmhost.Options{Path: path})
	for _, query := range []string{"grams of a text", "sets of a text", "a"} {
		candidates := []string{query, query + "s", "", "x" + query}
		got, err := p.Score(ctx, query, candidates)
		if err != nil {
			t.Fatal(err)
		}
		want, err := load(t, module("c", "scorer")).Score(ctx, query, candidates)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %v, and the scorer in C has %v, %v", query, got, want, err)
		}
	}
}

func TestSDK_TellsWhatWentWrong(t *testing.T) {
	path := built(t, pureGuest)
	_, err := wasmhost.Load(context.Background(), wasmhost.Options{Runtime: runtime, Name: "sdk", Path: path, Config: json.RawMessage(`{"unit": "byte"}`)})
	if !errors.Is(err, hostapi.ErrLoad) || !strings.Contains(err.Error(), `unit is "byte", want word`) {
		t.Errorf("a wrong config: got error %v", err)
	}
	p := open(t, wasmhost.Options{Path: path})
	if _, err := p.Normalize(context.Background(), "panic"); !errors.Is(err, hostapi.ErrTrap) || !strings.Contains(err.Error(), "asked to") {
		t.Errorf("a panic: got error %v, want ErrTrap and its words", err)
	}
	if got, err := p.Normalize(context.Background(), "After It"); got != "after it" || err != nil {
		t.Errorf("after a panic: got %q, %v", got, err)
	}
}

// memory is a KV.
type memory struct {
	mu     sync.Mutex
	values map[string]string
}

func (m *memory) Get(_ context.Context, key string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.values[key]
	return []byte(v), ok
}

func (m *memory) Put(_ context.Context, key string, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[key] = string(value)
	return nil
}

func TestSDK_HooksUseWhatTheyAreGranted(t *testing.T) {
	ctx := context.Background()
	p := open(t, wasmhost.Options{
		Path: built(t, hooksGuest), Grants: hostapi.Grants(),
		Services: wasmhost.Services{
			Tokenize: func(_ context.Context, text string) ([]int32, error) { return []int32{int32(len(text)), -1}, nil },
			KV:       &memory{values: map[string]string{}},
			Now:      func() time.Time { return time.UnixMilli(1_700_000_000_123) },
			Random:   func(b []byte) { copy(b, "\x01\x02\x03\x04") },
		},
	})
	d, err := p.Hook(ctx, &hostapi.Event{Hook: hostapi.RoleOnLookup, Request: hostapi.Request{Prompt: "abc"}})
	if err != nil || d.Reason != "[3 -1] true 1700000000123 01020304" {
		t.Errorf("on_lookup: got %+v, %v", d, err)
	}
	for i, want := range []bool{true, true, false} {
		d, err := p.Hook(ctx, &hostapi.Event{Hook: hostapi.RoleOnHit, Entry: &hostapi.Entry{ID: "1f", Kind: "exact"}})
		if err != nil || d.Accept == nil || *d.Accept != want || d.Reason != "1f" {
			t.Errorf("hit %d: got %+v, %v, want %v", i, d, err, want)
		}
	}
	if d, err := p.Hook(ctx, &hostapi.Event{Hook: hostapi.RoleOnMiss}); d != nil || err != nil {
		t.Errorf("on_miss: got %+v, %v, want no opinion", d, err)
	}
	if d, err := p.Hook(ctx, &hostapi.Event{Hook: hostapi.RoleOnEvict}); !errors.Is(err, hostapi.ErrFailed) || !strings.Contains(err.Error(), "bypass is not for on_evict") {
		t.Errorf("on_evict: got %+v, %v", d, err)
	}
	if _, err := p.Hook(ctx, &hostapi.Event{Hook: hostapi.RoleOnStore}); !errors.Is(err, hostapi.ErrRole) {
		t.Errorf("on_store: got error %v, want ErrRole", err)
	}
}

func TestSDK_AGrantThatIsMissingIsNamed(t *testing.T) {
	_, err := wasmhost.Load(context.Background(), wasmhost.Options{Runtime: runtime, Name: "sdk", Path: built(t, hooksGuest)})
	if !errors.Is(err, hostapi.ErrLoad) || !strings.Contains(err.Error(), "needs the grant") {
		t.Errorf("got error %v", err)
	}
}
