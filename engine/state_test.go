package engine

import (
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

func TestState_APromptThatBeginsAlikeIsResumed(t *testing.T) {
	r := newRig(t, Options{Dir: t.TempDir()})
	first := r.ask(words(300, 300, ""))
	if first.Action != base.ActionMiss || first.Resume == nil || first.Resume.Restored != 0 || first.Resume.Reason != "nothing stored begins like this" {
		t.Fatalf("first: %+v, %+v", first.Decision, first.Resume)
	}
	a := r.ask(words(300, 200, "x"))
	t.Logf("%+v %+v", a.Decision, a.Resume)
	if a.Action != base.ActionResume || a.Resume.Restored != 192 {
		t.Errorf("got %+v, %+v", a.Decision, a.Resume)
	}
	_ = strings.Contains
}
