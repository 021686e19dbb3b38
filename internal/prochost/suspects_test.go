package prochost

import (
	"errors"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

func always(id requestID) func() requestID { return func() requestID { return id } }

func TestSuspects_RefuseAfterTwoDeaths(t *testing.T) {
	clock := newManualClock()
	s := newSuspects(clock)
	bad, good := identify("x", "bad"), identify("x", "good")
	first, second := &runnerProcess{}, &runnerProcess{}
	s.add(first, bad)
	s.add(first, bad) // an equal request met the same death
	if err := s.refuse(always(bad)); err != nil {
		t.Errorf("after one death: %v", err)
	}
	clock.advance(suspectTime - time.Second)
	s.add(second, bad)
	if err := s.refuse(always(bad)); !errors.Is(err, base.ErrInvalid) {
		t.Errorf("after two deaths: %v; want ErrInvalid", err)
	}
	if err := s.refuse(always(good)); err != nil {
		t.Errorf("another request: %v", err)
	}
	clock.advance(suspectTime - time.Second)
	if err := s.refuse(always(bad)); err == nil {
		t.Error("the refusal ended early")
	}
	clock.advance(time.Second)
	if err := s.refuse(always(bad)); err != nil {
		t.Errorf("an hour after the last death: %v", err)
	}
	if n := s.refusals(); n != 2 {
		t.Errorf("%d refusals counted; want 2", n)
	}
}

func TestSuspects_AreBounded(t *testing.T) {
	clock := newManualClock()
	s := newSuspects(clock)
	for i := range maxSuspects + 10 {
		clock.advance(time.Millisecond)
		s.add(&runnerProcess{}, identify("x", string(rune(i))))
	}
	if n := len(s.mu.met); n != maxSuspects {
		t.Errorf("%d are remembered; want %d", n, maxSuspects)
	}
	if _, found := s.find(identify("x", string(rune(0)))); found {
		t.Error("the oldest is still there")
	}
	if _, found := s.find(identify("x", string(rune(maxSuspects+9)))); !found {
		t.Error("the newest is gone")
	}
}

func TestSuspects_NeedNoHashWithoutADeath(t *testing.T) {
	s := newSuspects(newManualClock())
	if err := s.refuse(func() requestID { t.Error("hashed for nothing"); return requestID{} }); err != nil {
		t.Error(err)
	}
}

func TestIdentify_TellsRequestsApart(t *testing.T) {
	seed, zero := uint32(7), uint32(0)
	requests := []*base.Request{
		{Prompt: "a"}, {Prompt: "b"}, {Prompt: "a", MaxTokens: 1}, {Prompt: "a", Stop: []string{"a"}},
		{Tokens: []base.Token{97}}, {Messages: []base.Message{{Role: "a"}}},
		{Messages: []base.Message{{Role: "a", Content: "b"}}}, {Messages: []base.Message{{Role: "ab"}}},
		{Prompt: "a", Sampling: base.Sampling{Seed: &seed}}, {Prompt: "a", Sampling: base.Sampling{Seed: &zero}},
		{Prompt: "a", Sampling: base.Sampling{Temperature: 1}}, {Prompt: "a", Sampling: base.Sampling{Grammar: "a"}},
	}
	seen := map[requestID]int{identify("generate", "a"): -1, identify("a", "b", "c"): -2, identify("a", "bc"): -3, identify("ab", "c"): -4}
	for i, r := range requests {
		id := identifyGenerate(r)
		if other, dup := seen[id]; dup {
			t.Errorf("requests %d and %d have one id", i, other)
		}
		seen[id] = i
		if again := *r; identifyGenerate(&again) != id {
			t.Errorf("request %d has two ids", i)
		}
	}
	if len(seen) != len(requests)+4 {
		t.Errorf("%d ids", len(seen))
	}
}
