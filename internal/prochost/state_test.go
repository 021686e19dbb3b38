package prochost

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/hosttest"
	"github.com/kvasir-cache/kvasir/internal/hosttest/testproc"
)

// statePlan returns a plan and where its reports go.
func statePlan(t *testing.T) (*base.StatePlan, chan *base.StateReport) {
	reports := make(chan *base.StateReport, 4)
	return &base.StatePlan{Dir: filepath.Join(t.TempDir(), "kv"), Save: true,
		Done: func(r *base.StateReport) { reports <- r }}, reports
}

// stateTokens returns the tokens of a prompt, which the host must have seen to know its magic words.
func stateTokens(t *testing.T, h *Host, prompt string) []base.Token {
	t.Helper()
	tokens, err := h.Tokenize(t.Context(), prompt, true)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// onlyReport returns the report, and fails if another follows.
func onlyReport(t *testing.T, reports chan *base.StateReport) *base.StateReport {
	t.Helper()
	select {
	case r := <-reports:
		select {
		case <-reports:
			t.Error("Done was called again")
		case <-time.After(20 * time.Millisecond):
		}
		return r
	case <-time.After(20 * time.Second):
		t.Fatal("Done was not called")
		return nil
	}
}

func TestHost_PlansReachTheProcess(t *testing.T) {
	t.Parallel()
	h := newSetup(t).open(t)
	plan, reports := statePlan(t)
	tokens := stateTokens(t, h, strings.Repeat("a b ", 50))
	r, err := h.GenerateState(t.Context(), &base.Request{Tokens: tokens}, plan, func(base.Chunk) error { return nil })
	if err != nil || r.Text == "" {
		t.Fatal(err)
	}
	report := onlyReport(t, reports)
	if len(report.Saved) != 2 {
		t.Errorf("report is %+v", report)
	}
	for _, c := range report.Saved {
		if _, err := os.Stat(c.Temp); err != nil {
			t.Error(err)
		}
	}
	if report, err := h.Prefill(t.Context(), tokens, plan); err != nil || len(report.Saved) != 2 {
		t.Errorf("prefill: %+v, %v", report, err)
	}
	if found, err := h.CheckState(t.Context(), []int{100}, nil); err != nil || !found.Holds() {
		t.Errorf("check: %+v, %v", found, err)
	}
}

// A plan has its report also when its process dies, and just one when the request is sent again.
func TestHost_PlanOfADeadProcessIsReported(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.options.Load.Parallel = 1
	h := s.open(t)
	hung := stateTokens(t, h, hosttest.HangPrompt)
	first, firstReports := statePlan(t)
	begun := make(chan struct{}, 1)
	firstDone := make(chan error, 1)
	go func() {
		_, err := h.GenerateState(context.Background(), &base.Request{Tokens: hung}, first, func(base.Chunk) error { begun <- struct{}{}; return nil })
		firstDone <- err
	}()
	<-begun
	patient := stateTokens(t, h, "patient words that wait "+strings.Repeat("on ", 80))
	second, secondReports := statePlan(t)
	secondDone := make(chan error, 1)
	go func() {
		_, err := h.GenerateState(context.Background(), &base.Request{Tokens: patient}, second, func(base.Chunk) error { return nil })
		secondDone <- err
	}()
	s.log.await(testproc.QueuedMessage)
	kill(t, h)
	if err := <-firstDone; !errors.Is(err, base.ErrUnavailable) {
		t.Errorf("the request that had started: %v", err)
	}
	if err := <-secondDone; err != nil {
		t.Errorf("the request that waited: %v", err)
	}
	if r := onlyReport(t, firstReports); r.Trouble == "" || len(r.Saved) > 0 {
		t.Errorf("report of the dead: %+v", r)
	}
	if r := onlyReport(t, secondReports); r.Trouble != "" || len(r.Saved) == 0 {
		t.Errorf("report of the one sent again: %+v", r)
	}
}

func TestHost_PlanOfARequestThatWasNotAskedIsReported(t *testing.T) {
	t.Parallel()
	h := newSetup(t).open(t)
	emit := func(base.Chunk) error { return nil }
	plan, reports := statePlan(t)
	if _, err := h.GenerateState(t.Context(), &base.Request{}, plan, emit); !errors.Is(err, base.ErrInvalid) {
		t.Errorf("empty request: %v", err)
	}
	if r := onlyReport(t, reports); r.Trouble == "" {
		t.Errorf("report is %+v", r)
	}
	h.Close()
	if _, err := h.GenerateState(t.Context(), &base.Request{Tokens: []base.Token{1}}, plan, emit); !errors.Is(err, base.ErrUnavailable) {
		t.Errorf("closed: %v", err)
	}
	if r := onlyReport(t, reports); r.Trouble == "" {
		t.Errorf("report is %+v", r)
	}
	if _, err := h.Prefill(t.Context(), []base.Token{1}, plan); !errors.Is(err, base.ErrUnavailable) {
		t.Errorf("prefill: %v", err)
	}
	if _, err := h.CheckState(t.Context(), nil, nil); !errors.Is(err, base.ErrUnavailable) {
		t.Errorf("check: %v", err)
	}
}
