package wasmhost

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/hostapi"
)

func TestExtism_AnswersEveryRole(t *testing.T) {
	p := loadFixture(t, "extism", func(o *Options) { o.Config = []byte(`{"decision":"{\"topic\":\"t\"}"}`); o.Instances = 1 })
	ctx := t.Context()
	if m := p.Manifest(); m.Name != "extism" || m.Scorer.Class != hostapi.ClassScan || !m.Has(hostapi.RoleOnLookup) {
		t.Errorf("manifest is %+v", m)
	}
	if got, err := p.Normalize(ctx, "Hello WORLD"); got != "hello world" || err != nil {
		t.Errorf("Normalize: %q, %v", got, err)
	}
	if got, err := p.Normalize(ctx, ""); got != "" || err != nil {
		t.Errorf("Normalize of nothing: %q, %v", got, err)
	}
	if scores, err := p.Score(ctx, "q", []string{"a", "b"}); err != nil || !slices.Equal(scores, []float32{0.5, 1}) {
		t.Errorf("Score: %v, %v", scores, err)
	}
	if sets, err := p.Features(ctx, []string{"a"}); err != nil || !slices.Equal(sets[0], []uint64{1, 2, 1<<64 - 1}) {
		t.Errorf("Features: %v, %v", sets, err)
	}
	if d, err := p.Hook(ctx, &hostapi.Event{Hook: hostapi.RoleOnLookup}); err != nil || d == nil || *d.Topic != "t" {
		t.Errorf("on_lookup with the config: %+v, %v", d, err)
	}
	if d, err := p.Hook(ctx, &hostapi.Event{Hook: hostapi.RoleOnMiss}); err != nil || d != nil {
		t.Errorf("on_miss without an opinion: %+v, %v", d, err)
	}
	first, err1 := p.Hook(ctx, &hostapi.Event{Hook: hostapi.RoleOnHit})
	second, err2 := p.Hook(ctx, &hostapi.Event{Hook: hostapi.RoleOnHit})
	if err := errors.Join(err1, err2); err != nil || first != nil || second == nil || *second.Accept {
		t.Errorf("on_hit twice: %+v, %+v, %v; want a variable to stay", first, second, err)
	}
}

func TestExtism_IsBounded(t *testing.T) {
	p := loadFixture(t, "extism", func(o *Options) { o.Instances = 1 })
	for _, c := range []struct {
		text, want string
		err        error
		says       string
	}{
		{"! error", "", hostapi.ErrFailed, "on purpose"},
		{"@ load", "", hostapi.ErrOutput, "load_u64: 8 bytes at"},
		{"# network", "", hostapi.ErrTrap, "plugins have no network"},
		{"$ memory given back", "", hostapi.ErrBudget, "steps"},
		{"& memory kept", "full", nil, ""},
		{"* output", "", hostapi.ErrOutput, "output_set: "},
		{"% sets a variable", "% sets a variable", nil, ""},
		{"^ looks for it", "new", nil, ""}, // a normalizer depends on its input alone
	} {
		got, err := p.Normalize(t.Context(), c.text)
		if got != c.want || !errors.Is(err, c.err) || c.err == nil && err != nil || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %q, %v, want %q, %v saying %q", c.text, got, err, c.want, c.err, c.says)
		}
	}
}

func TestArena_KeepsToItsLimit(t *testing.T) {
	var a arena
	a.reset(1 << 10)
	if b := a.alloc(1 << 11); b != (block{}) {
		t.Errorf("a block over the limit: %+v", b)
	}
	if b := a.alloc(1<<64 - 1); b != (block{}) {
		t.Errorf("a block of all there is: %+v", b)
	}
	first, second := a.alloc(10), a.alloc(20)
	a.free(first.offset) // stays
	if a.find(first.offset) != first || a.find(second.offset) != second || a.find(first.offset+1) != (block{}) {
		t.Errorf("blocks are %+v", a.blocks)
	}
	copy(a.bytes(second), "left behind")
	a.free(second.offset)
	if third := a.alloc(20); third != second || string(a.bytes(third)) != string(make([]byte, 20)) {
		t.Errorf("a block given back is %+v with %q, want zeros", third, a.bytes(third))
	}
	if a.at(0, 8) != nil || a.at(uint64(len(a.data)), 1) != nil || a.at(1<<63, 1<<63) != nil {
		t.Error("memory outside the arena can be read")
	}
}
