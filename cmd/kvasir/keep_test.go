package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/control"
)

// partial is a store that works in parts and then fails, if it is to.
type partial struct {
	control.Store
	parts  int
	failed error
}

func (p *partial) Compact(context.Context, bool) (*engine.CompactReport, error) {
	if p.parts--; p.parts < 0 {
		return nil, p.failed
	}
	gone := map[string]engine.Gone{engine.RemovedForSize: {Entries: 10, Bytes: 100}}
	return &engine.CompactReport{Entries: 50, Evicted: gone, Expired: engine.Gone{Entries: 1}, More: p.parts > 0 || p.failed != nil}, nil
}

func (p *partial) Forget(context.Context, engine.Filter, string, bool) (*engine.Forgotten, error) {
	if p.parts--; p.parts < 0 {
		return nil, p.failed
	}
	return &engine.Forgotten{Entries: 10, Next: "5"}, nil
}

func TestCompact_GoesOnUntilNothingMoreHasToGo(t *testing.T) {
	r, err := compact(t.Context(), &partial{parts: 3}, false)
	if err != nil || r.Entries != 50 || r.Expired.Entries != 3 || r.Evicted[engine.RemovedForSize].Entries != 30 || r.More {
		t.Errorf("%+v, %v", r, err)
	}
	stopped := errors.New("stopped")
	r, err = compact(t.Context(), &partial{parts: 2, failed: stopped}, false)
	if !errors.Is(err, stopped) || r == nil || r.Evicted[engine.RemovedForSize].Entries != 20 {
		t.Errorf("what went before the failure: %+v, %v", r, err)
	}
}

func TestForget_SaysWhatWentBeforeAFailure(t *testing.T) {
	stopped := errors.New("stopped")
	r, err := forget(t.Context(), &partial{parts: 2, failed: stopped}, &removeFlags{})
	if !errors.Is(err, stopped) || r == nil || r.Entries != 20 {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err = forget(t.Context(), &partial{failed: stopped}, &removeFlags{}); !errors.Is(err, stopped) || r != nil {
		t.Errorf("nothing went: %+v, %v", r, err)
	}
}

// TestHistory_TheSizeIsThatOfNow shows days in which the cache did nothing.
func TestHistory_TheSizeIsThatOfNow(t *testing.T) {
	now := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	var b strings.Builder
	plotHistory(&b, nil, heldSize{3, 2048}, now, 7)
	if got := b.String(); !strings.Contains(got, "size, now 2.0 KiB in 3 entries, at most 2.0 KiB") {
		t.Error(got)
	}
}
