package hostapi_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/kvasir-cache/kvasir/hostapi"
)

func TestError_SaysWhoseItIsAndKeepsWhatCallersBranchOn(t *testing.T) {
	failed := &hostapi.Error{Plugin: "a\nb", Call: "score", Reason: hostapi.ErrFailed, Text: "no such word"}
	if got, want := failed.Error(), `plugin "a\nb": score: the plugin reported an error: no such word`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	late := fmt.Errorf("match: %w", &hostapi.Error{Plugin: "a", Call: "score", Reason: hostapi.ErrBudget, Wall: true, Cause: context.Canceled})
	if got, want := late.Error(), `match: plugin "a": score: the plugin used up its budget: context canceled`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !errors.Is(late, hostapi.ErrBudget) || !errors.Is(late, context.Canceled) || errors.Is(late, hostapi.ErrTrap) {
		t.Errorf("%v wraps something else", late)
	}
	var e *hostapi.Error
	if !errors.As(late, &e) || !e.Wall {
		t.Errorf("%v is no *hostapi.Error", late)
	}
}
