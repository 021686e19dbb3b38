package wasmhost

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// misdeeds are what hostile.wat does by the first byte of a text, and what comes of it. A nil want means that
// the text is answered.
var misdeeds = []struct {
	text string
	want error
	says string
}{
	{"loop", hostapi.ErrBudget, "all of its 600000 steps"},
	{"bulk memory", hostapi.ErrBudget, "steps"},
	{"recursion", hostapi.ErrTrap, "more than 4096 calls nest"},
	{"growth", hostapi.ErrBudget, "steps"},
	{"Growth up to the limit", nil, ""},
	{"pointer", hostapi.ErrOutput, "outside its memory"},
	{"window over the end", hostapi.ErrOutput, "100 bytes at 0x3ffffc are outside its memory"},
	{"utf-8", hostapi.ErrOutput, "not valid UTF-8"},
	{"output", hostapi.ErrOutput, "2000000 bytes"},
	{"trap", hostapi.ErrTrap, "unreachable"},
	{"Trap with words", hostapi.ErrTrap, "panic: the program is lost"},
	{"division", hostapi.ErrTrap, "integer divide by zero"},
	{"error", hostapi.ErrFailed, "on purpose"},
	{"quiet error", hostapi.ErrFailed, "code 9"},
	{"host calls", nil, ""},
	{"Lines", hostapi.ErrBudget, "steps"},
	{"folds", hostapi.ErrBudget, "steps"},
	{"ngrams", hostapi.ErrBudget, "steps"},
	{"jaccard of lies", nil, ""},
	{"Pointer for the host", hostapi.ErrOutput, "log: 100 bytes at"},
	{"Buffer for the host", hostapi.ErrOutput, "text_fold: "},
	{"x chance", hostapi.ErrBudget, "steps"},
	{"y output", hostapi.ErrBudget, "steps"},
	{"vectors", nil, ""},
	{"abort", hostapi.ErrTrap, "abort: oops"},
	{"Xit", hostapi.ErrTrap, "it exited with code 3"},
	{"something harmless", nil, ""},
}

func TestHostile_NormalizeEndsWithinItsBudget(t *testing.T) {
	r := openRuntime(t)
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	load := func(name string) *Plugin {
		p, err := Load(t.Context(), Options{Runtime: r, Name: name, Module: fixture(t, name), Logger: logger})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p, other := load("hostile"), load("basic")
	for _, m := range misdeeds {
		begun := time.Now()
		_, err := p.Normalize(t.Context(), m.text)
		if !errors.Is(err, m.want) || m.want == nil && err != nil {
			t.Errorf("%s: got %v, want %v", m.text, err, m.want)
		}
		if err != nil && (!strings.Contains(err.Error(), m.says) || !strings.Contains(err.Error(), `plugin "hostile": normalize`)) {
			t.Errorf("%s: the error is %q, want it to say %q", m.text, err, m.says)
		}
		if taken := time.Since(begun); taken > 5*time.Second {
			t.Errorf("%s took %v", m.text, taken)
		}
		if got, err := other.Normalize(t.Context(), "Others"); got != "others" || err != nil {
			t.Errorf("another plugin after %s: %q, %v", m.text, got, err)
		}
	}
	s := p.Stats()
	if s.Calls != uint64(len(misdeeds)) || s.Failures.Budget != 8 || s.Failures.Trap != 6 || s.Failures.Output != 6 || s.Failures.Failed != 2 {
		t.Errorf("stats are %+v", s)
	}
	if s.Metrics["purpose"] != 10_000 || s.Quiet == 0 {
		t.Errorf("metrics are %v and %d lines were left out", s.Metrics, s.Quiet)
	}
}

func TestHostile_ResultsAreChecked(t *testing.T) {
	p := loadFixture(t, "hostile", nil)
	for _, c := range []struct {
		query, says string
		want        error
	}{
		{"nan", "number 0 is NaN", hostapi.ErrOutput},
		{"2", "number 0 is 2", hostapi.ErrOutput},
		{"-", "number 0 is -0.1", hostapi.ErrOutput},
		{"short", "8 bytes for 3 candidates", hostapi.ErrOutput},
		{"loop", "all of its 3000000 steps", hostapi.ErrBudget},
	} {
		if _, err := p.Score(t.Context(), c.query, []string{"a", "b", "c"}); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("score %s: got %v, want %q", c.query, err, c.says)
		}
	}
	for text, says := range map[string]string{"d": "not ascending", "c": "16777215 numbers"} {
		if _, err := p.Features(t.Context(), []string{text}); !errors.Is(err, hostapi.ErrOutput) || !strings.Contains(err.Error(), says) {
			t.Errorf("features %s: got %v, want %q", text, err, says)
		}
	}
	for tenant, says := range map[string]string{
		"k": "keep is not for on_lookup", "x": "unknown field", "j": "invalid character", "o": "70000 bytes",
	} {
		e := &hostapi.Event{Hook: hostapi.RoleOnLookup, Tenant: tenant}
		if _, err := p.Hook(t.Context(), e); !errors.Is(err, hostapi.ErrOutput) || !strings.Contains(err.Error(), says) {
			t.Errorf("decision %s: got %v, want %q", tenant, err, says)
		}
	}
}

// A guest that is asked again after a failure must be a new one.
func TestHostile_IsReplacedAfterAFailure(t *testing.T) {
	p := loadFixture(t, "hostile", func(o *Options) { o.Instances = 1 })
	for _, text := range []string{"loop", "trap", "pointer"} {
		if _, err := p.Normalize(t.Context(), text); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
	p.Normalize(t.Context(), "error") // and one that says what is wrong stays
	p.Normalize(t.Context(), "idle")
	if s := p.Stats(); s.Started != 4 || s.Discarded != 3 || s.Instances != 1 {
		t.Errorf("stats are %+v, want 4 started and 3 discarded", s)
	}
}

func TestHostile_CallerThatDoesNotWait(t *testing.T) {
	p := loadFixture(t, "hostile", func(o *Options) { o.Limits.Steps = maxSteps / 8 })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := p.Normalize(ctx, "loop")
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, hostapi.ErrBudget) {
		t.Errorf("got %v, want the caller's deadline", err)
	}
	if taken := time.Since(begun); taken > 2*time.Second {
		t.Errorf("the call came back after %v", taken)
	}
	if s := p.Stats(); s.Cancelled != 1 || s.Failures != (Failures{}) {
		t.Errorf("stats are %+v, want a cancelled call that is no failure", s)
	}
}

func TestHostile_WallTimeIsALimitOfItsOwn(t *testing.T) {
	b := budget{counter: &fakeGlobal{}, depth: &fakeGlobal{}}
	b.begin(1000)
	b.tick(t.Context()) // the clock starts
	b.started = b.started.Add(-time.Hour)
	defer func() {
		f, ok := recover().(*fault)
		if !ok || f.reason != hostapi.ErrBudget || !f.wall {
			t.Errorf("recovered %+v, want a fault of the wall", f)
		}
	}()
	b.tick(t.Context())
}

// A guest that loops gives its processor back every 20,000 steps. The worst of many sleeps says more about
// the machine than about the guests, so the test looks at the one in the middle; BenchmarkSleep has both.
func TestHostile_OthersRunBesideIt(t *testing.T) {
	p := loadFixture(t, "hostile", nil)
	alone := lateness(200 * time.Millisecond)
	stop := loopEverywhere(p)
	late := lateness(400 * time.Millisecond)
	stop()
	if typical := late[len(late)/2]; typical > 50*time.Millisecond+4*alone[len(alone)/2] {
		t.Errorf("a sleep of 1 ms typically comes back %v late beside guests that loop; all: %v", typical, late)
	}
}

// loopEverywhere keeps as many guests looping as there are processors, until stop is called.
func loopEverywhere(p *Plugin) (stop func()) {
	return loopOn(runtime.GOMAXPROCS(0), func() { p.Normalize(context.Background(), "loop") })
}

// loopOn calls f again and again on so many goroutines.
func loopOn(n int, f func()) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	for range n {
		loops.Go(func() {
			for ctx.Err() == nil {
				f()
			}
		})
	}
	return func() { cancel(); loops.Wait() }
}

// lateness returns how late sleeps of 1 ms come back, in ascending order.
func lateness(during time.Duration) []time.Duration {
	var late []time.Duration
	for begun := time.Now(); time.Since(begun) < during; {
		t := time.Now()
		time.Sleep(time.Millisecond)
		late = append(late, time.Since(t)-time.Millisecond)
	}
	slices.Sort(late)
	return late
}
