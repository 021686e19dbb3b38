package prochost

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

func TestPlugin_DeathFailsTheCallsInFlight(t *testing.T) {
	t.Parallel()
	p := newPluginSetup(t, "serve").open(t)
	call := startCall(t, p, "hang")
	pid := killPlugin(t, p)
	err := <-call
	if !errors.Is(err, hostapi.ErrTrap) || err.Error() != `plugin "acme": the plugin crashed: signal: killed` {
		t.Errorf("the call in flight: %v; want ErrTrap", err)
	}
	mustNormalize(t, p, "next")
	if s := p.Status(); s.PID == pid || s.PID == 0 || s.Deaths != 1 {
		t.Errorf("status %+v; want another process after one death", s)
	}
}

func TestPlugin_ADeathExplainsItself(t *testing.T) {
	t.Parallel()
	p := newPluginSetup(t, "serve").open(t)
	_, err := p.Normalize(t.Context(), "exit out of ideas")
	want := `plugin "acme": the plugin crashed: exit status 3: panic: out of ideas`
	if !errors.Is(err, hostapi.ErrTrap) || err.Error() != want {
		t.Errorf("error %q; want %q", err, want)
	}
	mustNormalize(t, p, "next")
}

func TestPlugin_RestsAfterRepeatedDeaths(t *testing.T) {
	t.Parallel()
	s := newPluginSetup(t, "serve")
	p := s.open(t)
	killPlugin(t, p)
	mustNormalize(t, p, "at once")
	for _, want := range []time.Duration{1, 2, 4} {
		killPlugin(t, p)
		w := <-s.clock.waits
		if w.delay != want*time.Second {
			t.Errorf("back-off %v; want %v", w.delay, want*time.Second)
		}
		if _, err := p.Normalize(t.Context(), "x"); !errors.Is(err, hostapi.ErrRests) {
			t.Errorf("during the back-off: %v; want ErrRests", err)
		}
		s.clock.pass(w)
		mustServeAgain(t, p)
	}
}

// mustServeAgain waits for a process that is being started after a back-off, and fails the test unless it
// answers.
func mustServeAgain(t *testing.T, p *Plugin) {
	t.Helper()
	serving(t, p)
	mustNormalize(t, p, "again")
}

// serving waits for the process that serves.
func serving(t *testing.T, p *Plugin) *child[initialised] {
	t.Helper()
	c, err := p.supervisor.current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPlugin_DoesNotComeBackAsAnother(t *testing.T) {
	t.Parallel()
	s := newPluginSetup(t, "serve")
	version := filepath.Join(t.TempDir(), "version")
	s.configure(t, testConfig{Version: version})
	p := s.open(t)
	if err := os.WriteFile(version, []byte("2"), 0o600); err != nil {
		t.Fatal(err)
	}
	killPlugin(t, p)
	if _, err := p.Normalize(t.Context(), "x"); !errors.Is(err, hostapi.ErrLoad) || !strings.Contains(err.Error(), "another manifest") {
		t.Errorf("error %v; want ErrLoad", err)
	}
	if err := os.Remove(version); err != nil {
		t.Fatal(err)
	}
	s.clock.advance(time.Second)
	mustServeAgain(t, p)
}

func TestPlugin_ASlowAnswerIsOverBudget(t *testing.T) {
	t.Parallel()
	s := newPluginSetup(t, "serve")
	s.options.Deadline = 50 * time.Millisecond
	p := s.open(t)
	for _, text := range []string{"sleep 3s", "polite"} {
		began := time.Now()
		_, err := p.Normalize(t.Context(), text)
		if !errors.Is(err, hostapi.ErrBudget) {
			t.Errorf("%q: %v; want ErrBudget", text, err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%q: the caller waited %v", text, took)
		}
	}
	awaitIdle(p)
	if n := p.Status().Deaths; n != 0 {
		t.Errorf("%d deaths; a slow process may live", n)
	}
}

// awaitIdle waits until no call is at the process.
func awaitIdle(p *Plugin) {
	for len(p.slots) > 0 {
		time.Sleep(time.Millisecond)
	}
}

func TestPlugin_KillsAProcessThatHangs(t *testing.T) {
	t.Parallel()
	s := newPluginSetup(t, "serve")
	s.options.Deadline, s.options.Patience = 20*time.Millisecond, 200*time.Millisecond
	p := s.open(t)
	c := serving(t, p)
	if _, err := p.Normalize(t.Context(), "hang"); !errors.Is(err, hostapi.ErrBudget) {
		t.Errorf("error %v; want ErrBudget", err)
	}
	<-c.gone
	if c.death.status != "signal: killed" || p.Status().Deaths != 1 {
		t.Errorf("death %+v, status %+v", c.death, p.Status())
	}
	s.log.await("program hangs and is killed")
	serving(t, p)
}

func TestPlugin_ACallerThatGivesUpLeavesTheWatchOn(t *testing.T) {
	t.Parallel()
	s := newPluginSetup(t, "serve")
	s.options.Deadline, s.options.Patience = 20*time.Millisecond, 100*time.Millisecond
	p := s.open(t)
	c := serving(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := p.Normalize(ctx, "hang"); err == nil {
		t.Error("a call that hangs has an answer")
	}
	<-c.gone
}

func TestPlugin_TakesSoManyCallsAtOnce(t *testing.T) {
	t.Parallel()
	s := newPluginSetup(t, "serve")
	s.options.Calls, s.options.Deadline = 1, 100*time.Millisecond
	p := s.open(t)
	busy := startCall(t, p, "sleep 2s")
	if _, err := p.Normalize(t.Context(), "x"); !errors.Is(err, hostapi.ErrBusy) {
		t.Errorf("beside a call: %v; want ErrBusy", err)
	}
	if err := <-busy; !errors.Is(err, hostapi.ErrBudget) {
		t.Errorf("the slow call: %v; want ErrBudget", err)
	}
	if _, err := p.Normalize(t.Context(), "x"); !errors.Is(err, hostapi.ErrBusy) {
		t.Errorf("beside a call that nobody waits for: %v; want ErrBusy", err)
	}
	awaitIdle(p)
	if _, err := p.Normalize(t.Context(), "x"); errors.Is(err, hostapi.ErrBusy) {
		t.Errorf("after the call: %v", err)
	}
}

func TestPlugin_LogsWhatTheProcessWrites(t *testing.T) {
	t.Parallel()
	s := newPluginSetup(t, "serve")
	p := s.open(t)
	mustNormalize(t, p, "print hello there")
	s.log.await(`plugin=acme line="stdout hello there"`)
	s.log.await(`plugin=acme line="stderr hello there"`)
	mustNormalize(t, p, "a line on standard output does no harm")
}

func TestPluginClose_WaitsForCalls(t *testing.T) {
	t.Parallel()
	s := newPluginSetup(t, "serve")
	p := s.open(t)
	call := startCall(t, p, "sleep 500ms")
	pid := p.Status().PID
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-call; err != nil {
		t.Errorf("the call under way: %v; want its answer", err)
	}
	if running(pid) {
		t.Errorf("process %d still runs", pid)
	}
	s.mustBeTidy(t)
	if _, err := p.Normalize(t.Context(), "x"); !errors.Is(err, hostapi.ErrClosed) {
		t.Errorf("after Close: %v; want ErrClosed", err)
	}
	if s := p.Status(); s.PID != 0 || s.Deaths != 0 {
		t.Errorf("status %+v; a Close is no death", s)
	}
}

func TestPluginClose_EndsWhatNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	s := newPluginSetup(t, "serve")
	s.options.Deadline, s.options.Patience = 20*time.Millisecond, time.Hour
	p := s.open(t)
	if _, err := p.Normalize(t.Context(), "hang"); !errors.Is(err, hostapi.ErrBudget) {
		t.Errorf("error %v; want ErrBudget", err)
	}
	p.Close()
	s.mustBeTidy(t)
}

// Whatever happens to the process, a call ends with the answer or with an error that says what to think
// of the plugin.
func TestPlugin_SurvivesManyDeaths(t *testing.T) {
	t.Parallel()
	s := newPluginSetup(t, "serve")
	s.options.Clock = nil
	p := s.open(t)
	var work sync.WaitGroup
	for range 10 {
		work.Go(func() { hammerPlugin(t, p) })
	}
	for range 2 { // the second death is followed by a back-off
		killPlugin(t, p)
	}
	work.Wait()
	if n := p.Status().Deaths; n != 2 {
		t.Errorf("%d deaths; want 2", n)
	}
	mustServeAgain(t, p)
}

func hammerPlugin(t *testing.T, p *Plugin) {
	for range 100 {
		scores, err := p.Score(t.Context(), "q", []string{"abc", ""})
		switch {
		case err == nil && (scores[0] != 0.25 || scores[1] != 1):
			t.Errorf("scores %v", scores)
		case err != nil && !errors.Is(err, hostapi.ErrTrap) && !errors.Is(err, hostapi.ErrRests) && !errors.Is(err, hostapi.ErrBusy):
			t.Errorf("error %v", err)
		}
	}
}
