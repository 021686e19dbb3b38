package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// fake is a plugin with one hook, which answers what say returns.
type fake struct {
	hook   hostapi.Role
	say    func() (*hostapi.Decision, error)
	closed atomic.Bool
}

func (f *fake) Manifest() *hostapi.Manifest {
	return &hostapi.Manifest{Name: "fake", Roles: []hostapi.Role{f.hook}}
}
func (f *fake) Normalize(context.Context, string) (string, error)      { return "", hostapi.ErrRole }
func (f *fake) Features(context.Context, []string) ([][]uint64, error) { return nil, hostapi.ErrRole }
func (f *fake) Score(context.Context, string, []string) ([]float32, error) {
	return nil, hostapi.ErrRole
}
func (f *fake) Metrics() map[string]float64 { return map[string]float64{"steps": 7} }

func (f *fake) Hook(_ context.Context, e *hostapi.Event) (*hostapi.Decision, error) {
	switch {
	case f.closed.Load():
		return nil, fmt.Errorf("fake: %w", hostapi.ErrClosed)
	case e.Hook != f.hook:
		return nil, hostapi.ErrRole
	}
	return f.say()
}

func (f *fake) Close() error {
	f.closed.Store(true)
	return nil
}

func spec(name string, hook hostapi.Role, say func() (*hostapi.Decision, error)) Spec {
	return Spec{Name: name, Load: func(context.Context) (hostapi.Plugin, error) { return &fake{hook: hook, say: say}, nil }}
}

func says(d hostapi.Decision) func() (*hostapi.Decision, error) {
	return func() (*hostapi.Decision, error) { return &d, nil }
}

func newSet(t testing.TB, o Options) *Set {
	t.Helper()
	s := New(o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// clock is a clock that tests move.
type clock struct{ now atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Unix(0, c.now.Load()) }
func (c *clock) advance(d time.Duration) { c.now.Add(int64(d)) }

var hit = &hostapi.Event{Hook: hostapi.RoleOnHit}

func TestSet_MergesWhatItsPluginsSay(t *testing.T) {
	s := newSet(t, Options{Specs: []Spec{
		spec("kind", hostapi.RoleOnHit, says(hostapi.Decision{Accept: new(true)})),
		spec("silent", hostapi.RoleOnHit, func() (*hostapi.Decision, error) { return nil, nil }),
		spec("strict", hostapi.RoleOnHit, says(hostapi.Decision{Accept: new(false), Reason: "too old"})),
		spec("broken", hostapi.RoleOnHit, func() (*hostapi.Decision, error) { return nil, hostapi.ErrTrap }),
		spec("other", hostapi.RoleOnStore, says(hostapi.Decision{Store: new(false)})),
	}})
	d := s.Ask(t.Context(), hit)
	if d.Accept == nil || *d.Accept || d.Reason != "strict: too old" {
		t.Errorf("decision %+v", d)
	}
	for hook, want := range map[hostapi.Role]bool{hostapi.RoleOnHit: true, hostapi.RoleOnStore: true, hostapi.RoleOnMiss: false} {
		if got := s.Wants(hook); got != want {
			t.Errorf("wants %s: %v", hook, got)
		}
	}
	metrics := s.Metrics()
	for name, want := range map[string]float64{"plugin.strict.calls": 1, "plugin.broken.failed_trap": 1, "plugin.other.calls": 0, "plugin.other.loads": 1, "plugin.kind.loads": 1, "plugin.kind.steps": 7} {
		if metrics[name] != want {
			t.Errorf("%s is %v, want %v", name, metrics[name], want)
		}
	}
}

func TestSet_PluginThatCannotBeLoadedMakesRequestsBypass(t *testing.T) {
	broken := errors.New("no such file")
	var works atomic.Bool
	s := newSet(t, Options{Specs: []Spec{{Name: "acme", Load: func(context.Context) (hostapi.Plugin, error) {
		if !works.Load() {
			return nil, broken
		}
		return &fake{hook: hostapi.RoleOnHit, say: says(hostapi.Decision{})}, nil
	}}}})
	if err := s.Load(t.Context()); !errors.Is(err, broken) || !strings.Contains(err.Error(), `plugin "acme"`) {
		t.Errorf("error %v", err)
	}
	lookup := &hostapi.Event{Hook: hostapi.RoleOnLookup}
	if d := s.Ask(t.Context(), lookup); !s.Wants(hostapi.RoleOnLookup) || d.Bypass == nil || !*d.Bypass || d.Reason != "acme cannot be loaded: no such file" {
		t.Errorf("decision %+v", d)
	}
	works.Store(true)
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := s.Ask(t.Context(), lookup); s.Wants(hostapi.RoleOnLookup) || d.Bypass != nil {
		t.Errorf("once it is loaded: %+v", d)
	}
}

func TestSet_PluginRestsAfterRepeatedFailures(t *testing.T) {
	c := &clock{}
	var fail error
	fail = hostapi.ErrTrap
	calls := 0
	s := newSet(t, Options{Now: c.Now, Specs: []Spec{spec("acme", hostapi.RoleOnHit, func() (*hostapi.Decision, error) {
		calls++
		return nil, fail
	})}})
	ask := func(times int) int {
		before := calls
		for range times {
			s.Ask(t.Context(), hit)
		}
		return calls - before
	}
	if got := ask(8); got != mostFailures {
		t.Errorf("called %d of 8 times, want %d", got, mostFailures)
	}
	if _, err := s.Plugin("acme").Hook(t.Context(), hit); !errors.Is(err, hostapi.ErrRests) {
		t.Errorf("error %v", err)
	}
	c.advance(restTime)
	if got := ask(1); got != 1 {
		t.Error("it rests for ever")
	}
	c.advance(failureSpan + restTime)
	for range 20 { // rare failures
		if got := ask(1); got != 1 {
			t.Fatal("it rests after failures that lie far apart")
		}
		c.advance(failureSpan / 3)
	}
	c.advance(failureSpan)
	fail = fmt.Errorf("%w: %w", hostapi.ErrBudget, context.DeadlineExceeded)
	if got := ask(20); got != 20 {
		t.Errorf("called %d of 20 times", got)
	}
	fail = fmt.Errorf("%w", hostapi.ErrBusy)
	if got := ask(20); got != 20 {
		t.Errorf("called %d of 20 times", got)
	}
}

func TestSet_ChangedFileReplacesThePluginAndABadOneDoesNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p")
	write := func(text string) {
		t.Helper()
		// Renamed into place: a file that is seen while it is written is a file of its own.
		if err := errors.Join(os.WriteFile(path+".new", []byte(text), 0o600), os.Rename(path+".new", path)); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	s := newSet(t, Options{Poll: 5 * time.Millisecond, Specs: []Spec{{Name: "acme", Path: path, Load: func(context.Context) (hostapi.Plugin, error) {
		text, err := os.ReadFile(path)
		if err != nil || strings.HasPrefix(string(text), "bad") {
			return nil, fmt.Errorf("bad plugin: %v", err)
		}
		return &fake{hook: hostapi.RoleOnHit, say: says(hostapi.Decision{Reason: string(text)})}, nil
	}}}})
	reason := func() string { return s.Ask(t.Context(), hit).Reason }
	if got := reason(); got != "acme: one" {
		t.Fatalf("reason %q", got)
	}
	write("second")
	eventually(t, "the new plugin", func() bool { return reason() == "acme: second" })
	write("bad third")
	eventually(t, "a failed load", func() bool { return s.Metrics()["plugin.acme.load_failures"] == 1 })
	if got := reason(); got != "acme: second" {
		t.Errorf("after a bad file: reason %q", got)
	}
	if got := s.Loads(); got != 2 {
		t.Errorf("%d loads, want the 2 that gave a plugin", got)
	}
	if err := s.Reload(t.Context()); err == nil {
		t.Error("reload of a bad file says nothing")
	}
	write("the fourth")
	eventually(t, "the plugin after that", func() bool { return reason() == "acme: the fourth" })
}

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestSet_ReloadsUnderLoadLoseNoCall replaces a plugin again and again while many ask it.
func TestSet_ReloadsUnderLoadLoseNoCall(t *testing.T) {
	s := newSet(t, Options{Specs: []Spec{spec("acme", hostapi.RoleOnHit, says(hostapi.Decision{Accept: new(true)}))}})
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for !stop.Load() {
				if d, err := s.Plugin("acme").Hook(t.Context(), hit); err != nil || d.Accept == nil {
					t.Errorf("%+v, %v", d, err)
					return
				}
			}
		})
	}
	for range 200 {
		if err := s.Reload(t.Context()); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	all.Wait()
	if got := s.Metrics()["plugin.acme.loads"]; got != 201 {
		t.Errorf("%v loads, want 201", got)
	}
}

func TestSet_ClosedSetSaysSo(t *testing.T) {
	s := newSet(t, Options{Specs: []Spec{spec("acme", hostapi.RoleOnHit, says(hostapi.Decision{}))}})
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if _, err := s.Plugin("acme").Hook(t.Context(), hit); !errors.Is(err, hostapi.ErrClosed) {
		t.Errorf("hook: %v", err)
	}
	if err := s.Load(t.Context()); !errors.Is(err, hostapi.ErrClosed) {
		t.Errorf("load: %v", err)
	}
	if s.Plugin("nobody") != nil {
		t.Error("a plugin nobody configured")
	}
}
