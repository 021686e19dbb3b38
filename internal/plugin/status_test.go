package plugin

import (
	"context"
	"errors"
	"testing"

	"github.com/kvasir-cache/kvasir/hostapi"
)

func TestSet_SaysHowItsPluginsAre(t *testing.T) {
	broken := errors.New("no module")
	good := spec("good", hostapi.RoleOnHit, says(hostapi.Decision{}))
	fails := false
	load := good.Load
	good.Load = func(ctx context.Context) (hostapi.Plugin, error) {
		if fails {
			return nil, broken
		}
		return load(ctx)
	}
	s := newSet(t, Options{Poll: -1, Specs: []Spec{good, {Name: "bad", Path: "bad.wasm", Load: func(context.Context) (hostapi.Plugin, error) { return nil, broken }}}})
	if all := s.Status(); len(all) != 2 || all[0].Manifest != nil || all[0].Failure != "" {
		t.Errorf("before they are loaded: %+v", all)
	}
	_ = s.Load(t.Context())
	all := s.Status()
	if all[0].Name != "good" || all[0].Manifest == nil || all[0].Failure != "" {
		t.Errorf("one that works: %+v", all[0])
	}
	if all[1].Path != "bad.wasm" || all[1].Manifest != nil || all[1].Failure != "no module" || all[1].Tried.IsZero() {
		t.Errorf("one that does not: %+v", all[1])
	}
	fails = true
	if err := s.Reload(t.Context()); !errors.Is(err, broken) {
		t.Errorf("reload: %v", err)
	}
	if again := s.Status()[0]; again.Manifest == nil || again.Failure != "no module" {
		t.Errorf("one whose next generation does not load: %+v", again)
	}
}
