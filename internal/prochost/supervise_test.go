package prochost

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/hosttest"
	"github.com/kvasir-cache/kvasir/internal/hosttest/testproc"
)

func TestHost_DeathFailsWhatHadStarted(t *testing.T) {
	t.Parallel()
	h := newSetup(t).open(t)
	a, b := hang(t, h, "a"), hang(t, h, "b")
	pid := kill(t, h)
	for _, flight := range []<-chan error{a, b} {
		err := <-flight
		if !errors.Is(err, base.ErrUnavailable) || err.Error() != "the inference host stopped while answering (signal: killed)" {
			t.Errorf("error %q", err)
		}
	}
	mustAnswer(t, h, "next")
	if s := h.Status(); s.PID == pid || s.PID == 0 || s.Deaths != 1 {
		t.Errorf("status %+v; want another process after one death", s)
	}
}

func TestHost_AbortIsExplained(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	h := s.open(t)
	_, err := ask(t.Context(), h, hosttest.AbortPrompt)
	want := "the inference host stopped while answering (exit status 2): fake.cpp:42: GGML_ASSERT(polite) failed"
	if !errors.Is(err, base.ErrUnavailable) || err.Error() != want {
		t.Errorf("error %q; want %q", err, want)
	}
	s.log.await(testproc.AbortMessage)
	mustAnswer(t, h, "next")
}

func TestHost_RetriesWhatHadNotStarted(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.options.Load.Parallel = 1
	h := s.open(t)
	first := hang(t, h, "")
	queued := make(chan error, 1)
	go func() {
		r, err := ask(t.Context(), h, "patient")
		if err == nil && r.Text != hosttest.Answer("patient") {
			err = errors.New("wrong answer " + r.Text)
		}
		queued <- err
	}()
	s.log.await(testproc.QueuedMessage + " patient")
	kill(t, h)
	if err := <-first; !errors.Is(err, base.ErrUnavailable) {
		t.Errorf("the request that had started: %v", err)
	}
	if err := <-queued; err != nil {
		t.Errorf("the request in the queue: %v; want an answer", err)
	}
}

func TestHost_RefusesWhatStoppedItTwice(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	clock := newManualClock()
	s.options.Clock = clock
	h := s.open(t)
	poison := "nasty " + hosttest.StartPrompt // the process dies before it can say that this has started
	if _, err := ask(t.Context(), h, poison); !errors.Is(err, base.ErrUnavailable) {
		t.Errorf("first time: %v", err)
	}
	if _, err := ask(t.Context(), h, poison); !errors.Is(err, base.ErrUnavailable) {
		t.Errorf("second time: %v", err)
	}
	_, err := ask(t.Context(), h, poison) // no process serves, and none is needed
	if !errors.Is(err, base.ErrInvalid) || !strings.Contains(err.Error(), "stopped the inference host twice") || base.Hint(err) == "" {
		t.Errorf("third time: %v, hint %q", err, base.Hint(err))
	}
	clock.pass(<-clock.waits)
	mustAnswer(t, h, "polite")
	if s := h.Status(); s.Deaths != 2 || s.Refused != 1 {
		t.Errorf("status %+v; want 2 deaths, 1 refused", s)
	}
	clock.advance(suspectTime)
	if _, err := ask(t.Context(), h, poison); !errors.Is(err, base.ErrUnavailable) {
		t.Errorf("an hour later: %v; want another death", err)
	}
}

func TestHost_RefusesATextThatStopsEveryCall(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	clock := newManualClock()
	s.options.Clock = clock
	h := s.open(t)
	if _, err := h.Tokenize(t.Context(), hosttest.AbortText, false); !errors.Is(err, base.ErrUnavailable) {
		t.Errorf("first call: %v; want the second death's error", err)
	}
	if _, err := h.Tokenize(t.Context(), hosttest.AbortText, true); !errors.Is(err, base.ErrInvalid) {
		t.Errorf("second call: %v; want a refusal", err)
	}
	clock.pass(<-clock.waits)
	if _, err := h.Tokenize(t.Context(), "fine", false); err != nil {
		t.Errorf("another text: %v", err)
	}
	if n := h.Status().Deaths; n != 2 {
		t.Errorf("%d deaths; want 2", n)
	}
}

func TestHost_BacksOffAndRecovers(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	clock := newManualClock()
	s.options.Clock = clock
	h := s.open(t)
	kill(t, h)
	mustAnswer(t, h, "at once")
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		kill(t, h)
		w := <-clock.waits
		if w.delay != want*time.Second {
			t.Errorf("delay %v; want %v", w.delay, want*time.Second)
		}
		clock.pass(w)
		mustAnswer(t, h, "later")
	}
	clock.advance(healthTime)
	kill(t, h)
	mustAnswer(t, h, "at once again")
	if len(clock.waits) > 0 {
		t.Errorf("a wait of %v after a minute of health", (<-clock.waits).delay)
	}
}

func TestHost_RequestsWaitForTheRestart(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	clock := newManualClock()
	s.options.Clock = clock
	h := s.open(t)
	kill(t, h)
	mustAnswer(t, h, "first")
	kill(t, h)
	w := <-clock.waits // the restart waits from here on

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ask(ctx, h, "impatient"); !errors.Is(err, context.Canceled) {
		t.Errorf("a request whose context has ended: %v", err)
	}
	if info, err := h.Info(t.Context()); err != nil || info.Runtime.Backend != "fake" {
		t.Errorf("info while down: %v, %v", info, err)
	}
	if h.Status().PID != 0 {
		t.Errorf("status %+v; want no process", h.Status())
	}
	var waiting sync.WaitGroup
	for range 5 {
		waiting.Go(func() { mustAnswer(t, h, "patient") })
	}
	clock.pass(w)
	waiting.Wait()
}

func TestHost_CloseEndsARestart(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	clock := newManualClock()
	s.options.Clock = clock
	h := s.open(t)
	kill(t, h)
	mustAnswer(t, h, "first")
	kill(t, h)
	<-clock.waits
	waiting := make(chan error, 1)
	go func() {
		_, err := ask(t.Context(), h, "x")
		waiting <- err
	}()
	h.Close()
	if err := <-waiting; err != errClosed {
		t.Errorf("the waiting request: %v; want %v", err, errClosed)
	}
	if left := s.socketsLeft(t); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestHost_CloseEndsALoad(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	loading := make(chan struct{}, 10)
	s.options.Progress = func(string, float64) { loading <- struct{}{} }
	h := s.open(t)
	for len(loading) > 0 {
		<-loading
	}
	s.writeModel(t, testproc.Model{Hang: true})
	kill(t, h)
	<-loading
	h.Close()
	if left := s.socketsLeft(t); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestHost_AFailedRestartFailsItsRequests(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	clock := newManualClock()
	s.options.Clock = clock
	h := s.open(t)
	if err := os.Rename(s.model(), s.model()+".away"); err != nil {
		t.Fatal(err)
	}
	kill(t, h)
	for range 3 { // the first waits for the attempt, the others come during the back-off
		if _, err := ask(t.Context(), h, "x"); !errors.Is(err, base.ErrModel) {
			t.Errorf("error %v; want ErrModel", err)
		}
	}
	clock.advance(time.Second)
	if _, err := ask(t.Context(), h, "x"); !errors.Is(err, base.ErrModel) {
		t.Errorf("second attempt: %v; want ErrModel", err)
	}
	if err := os.Rename(s.model()+".away", s.model()); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t.Context(), h, "x"); !errors.Is(err, base.ErrModel) {
		t.Errorf("during the second back-off: %v; want ErrModel still", err)
	}
	clock.advance(2 * time.Second)
	mustAnswer(t, h, "x")
	if len(clock.waits) > 0 {
		t.Error("an attempt that a request asked for waited")
	}
}

func TestHost_DoesNotComeBackAsAnother(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	h := s.open(t)
	s.writeModel(t, testproc.Model{Name: "two"})
	kill(t, h)
	_, err := ask(t.Context(), h, "x")
	if !errors.Is(err, base.ErrModel) || !strings.Contains(err.Error(), "content of model") || base.Hint(err) == "" {
		t.Errorf("error %v, hint %q", err, base.Hint(err))
	}
}

func TestHost_SurvivesManyDeaths(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	clock := newManualClock()
	s.options.Clock = clock
	h := s.open(t)
	stop := make(chan struct{})
	go func() { // the back-off never waits
		for {
			select {
			case w := <-clock.waits:
				clock.pass(w)
			case <-stop:
				return
			}
		}
	}()
	defer close(stop)
	var work sync.WaitGroup
	for i := range 20 {
		work.Go(func() { hammer(t, h, strings.Repeat("x ", i+1)) })
	}
	for range 5 {
		mustAnswerSoon(t, h)
		if pid := h.Status().PID; pid != 0 {
			p, _ := os.FindProcess(pid)
			_ = p.Kill()
		}
	}
	work.Wait()
}

// hammer sends one prompt many times. Whatever happens, a call ends with the answer or with an error
// that says what to think of it.
func hammer(t *testing.T, h *Host, prompt string) {
	for range 20 {
		r, err := ask(t.Context(), h, prompt)
		switch {
		case err == nil && r.Text != hosttest.Answer(prompt):
			t.Errorf("%q is answered with %q", prompt, r.Text)
		case err != nil && !errors.Is(err, base.ErrUnavailable) && !errors.Is(err, base.ErrInvalid):
			t.Errorf("error %v", err)
		}
	}
}

// mustAnswerSoon waits until h answers a new prompt.
func mustAnswerSoon(t *testing.T, h *Host) {
	for {
		if _, err := h.Tokenize(t.Context(), "alive?", false); err == nil || errors.Is(err, base.ErrInvalid) {
			return
		}
	}
}

func TestBackoff_Doubles(t *testing.T) {
	var b backoff
	for i, want := range []time.Duration{0, 1, 2, 4, 8, 16, 30, 30, 30} {
		if got := b.next(); got != want*time.Second {
			t.Errorf("delay %d is %v; want %v", i, got, want*time.Second)
		}
	}
	b.tries = 1 << 20
	if got := b.next(); got != maxDelay {
		t.Errorf("after many tries the delay is %v", got)
	}
}
