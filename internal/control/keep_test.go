package control

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// TestSession_KeepsAndForgetsThroughTheOwner does beside an owner what it could do itself.
func TestSession_KeepsAndForgetsThroughTheOwner(t *testing.T) {
	ctx := context.Background()
	o := engine.Options{Dir: t.TempDir(), MaxEntries: 100}
	owner := open(t, o)
	second := open(t, o)
	for _, text := range []string{"one", "two", "three"} {
		remember(t, owner, text)
	}
	list, _, err := second.List(ctx, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Pin(ctx, list[0].ID, true); err != nil {
		t.Fatal(err)
	}
	if e, err := owner.Get(ctx, list[0].ID); err != nil || !e.Pinned {
		t.Errorf("%+v, %v; want it pinned", e, err)
	}
	if err := second.Pin(ctx, "77", true); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("pinning nothing: %v", err)
	}
	if err := owner.SetShares(map[string]float64{"a": -1}); err == nil {
		t.Error("the owner has a share of less than nothing")
	}
	if err := errors.Join(owner.SetShares(map[string]float64{"a": 2}), second.SetShares(map[string]float64{"a": 3})); err != nil {
		t.Error(err)
	}
	r, err := second.Compact(ctx, true)
	if err != nil || r.Entries != 3 || r.Pinned != 1 || r.Bytes == 0 {
		t.Errorf("%+v, %v", r, err)
	}
	would, err := second.Forget(ctx, engine.Filter{Prompt: "t"}, "", true)
	if err != nil || would.Entries != 2 || would.Cost != 2*time.Second || !finds(t, owner, "two") {
		t.Errorf("%+v, %v", would, err)
	}
	if _, err := second.Forget(ctx, engine.Filter{}, "", false); !errors.Is(err, base.ErrInvalid) {
		t.Errorf("a filter that says nothing: %v", err)
	}
	if _, err := second.Forget(ctx, engine.Filter{Prompt: "t"}, "", false); err != nil || finds(t, owner, "two") || !finds(t, owner, "one") {
		t.Errorf("%v, or the wrong ones went", err)
	}
	hours, err := second.History(ctx, 24)
	if err != nil || len(hours) == 0 || hours[len(hours)-1].Entries != 1 {
		t.Errorf("%+v, %v", hours, err)
	}
}
