package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

// A prompt of words(n, …) has n tokens and one that begins the text.

func TestState_APromptThatBeginsAlikeIsResumed(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, Options{Dir: dir, State: StateOptions{Answers: AnswersOff}})
	if a := r.ask(words(300, 300, "")); a.Action != base.ActionMiss || a.Resume.Restored != 0 || a.Resume.Reason != "nothing stored begins like this" {
		t.Fatalf("first: %+v, %+v", a.Decision, a.Resume)
	}
	a := r.ask(words(300, 200, "x"))
	if a.Action != base.ActionResume || a.Reason != "192 of the 301 tokens of the prompt were restored; what is stored diverges at token 201" {
		t.Errorf("decision %+v", a.Decision)
	}
	want := Resume{Stored: 192, Restored: 192, Computed: 109, Restore: 192 * time.Microsecond, Prefill: 1090 * time.Millisecond,
		Saved: 192*10*time.Millisecond - 192*time.Microsecond, Origin: base.OriginPrefill, Reason: "what is stored diverges at token 201"}
	if *a.Resume != want || a.Saved != want.Saved {
		t.Errorf("got %+v, want %+v", *a.Resume, want)
	}
	for name, want := range map[string]int{"kv.enabled": 1, "kv.lookups": 2, "kv.resumed": 1, "kv.restored_tokens": 192, "kv.computed_tokens": 301 + 109} {
		if got := r.stat(name); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	if saved := r.stat("cache.saved_ms"); saved != 1919 {
		t.Errorf("cache.saved_ms is %d, want 1919", saved)
	}
	chunks := r.stat("kv.size")
	if err := errors.Join(r.Close(), r.engine.Close()); err != nil {
		t.Fatal(err)
	}
	again := newRig(t, Options{Dir: dir, State: StateOptions{Answers: AnswersOff}})
	if a := again.ask(words(300, 200, "x") + " more"); a.Resume.Restored != 296 || again.stat("kv.size") != chunks {
		t.Errorf("after opening again: %+v, %d chunks, %d before", a.Resume, again.stat("kv.size"), chunks)
	}
}

// The rules of the boundary, token by token.
func TestBoundary_LeavesWhatTheKernelsNeed(t *testing.T) {
	for n := range 300 {
		off, on := boundaryOf(false, false).most(n), boundaryOf(true, false).most(n)
		if off%4 != 0 || off > 0 && n-off < 2 || n-off >= 6 {
			t.Errorf("of %d tokens %d may be restored with flash attention off", n, off)
		}
		if on%64 != 0 || on > 0 && n-on < 64 || n-on >= 128 {
			t.Errorf("of %d tokens %d may be restored with flash attention on", n, on)
		}
		if boundaryOf(true, true) != boundaryOf(false, false) {
			t.Error("close resumes are bounded")
		}
	}
}

// lease asks what would be restored and lets it be.
func (r *rig) lease(q StateQuery) *Lease {
	r.tb.Helper()
	q.State = r.state
	l, err := r.engine.Resume(r.tb.Context(), &q)
	if err != nil {
		r.tb.Fatal(err)
	}
	if l.ID != 0 {
		if _, err := r.engine.Settle(r.tb.Context(), l.ID, nil, false); err != nil {
			r.tb.Fatal(err)
		}
	}
	return l
}

func TestResume_SaysWhyNotMore(t *testing.T) {
	r := newRig(t, Options{Dir: t.TempDir(), State: StateOptions{Answers: AnswersOff}})
	r.ask(words(400, 400, ""))
	for _, c := range []struct {
		name     string
		prompt   string
		query    StateQuery
		restored int
		reason   string
	}{
		{"all of it", words(400, 400, ""), StateQuery{}, 396, "the rest is too short to be left out without other bits"},
		{"goes on", words(400, 400, "") + " on and on and on", StateQuery{}, 396, "nothing is stored beyond token 396"},
		{"diverges", words(400, 100, "x"), StateQuery{}, 64, "what is stored diverges at token 101"},
		{"other", words(400, 0, "x"), StateQuery{}, 0, "what is stored diverges at token 1"},
		{"short", " a", StateQuery{}, 0, "the prompt is too short"},
		{"flash attention", words(400, 400, ""), StateQuery{FlashAttention: true}, 320, "the rest is too short to be left out without other bits"},
		{"another tenant", words(400, 400, ""), StateQuery{Tenant: "b"}, 0, "nothing stored begins like this"},
		{"never", words(400, 400, ""), StateQuery{Restore: Restore{Never: true}}, 0, "a hook had it read from the beginning"},
		{"limited", words(400, 400, ""), StateQuery{Restore: Restore{Limited: true, Tokens: 1_000}}, 396, "the rest is too short to be left out without other bits"},
		{"limited to less", words(400, 400, ""), StateQuery{Restore: Restore{Limited: true, Tokens: 130}}, 128, "a hook allowed no more than 130 tokens"},
		{"limited to nothing", words(400, 400, ""), StateQuery{Restore: Restore{Limited: true}}, 0, "a hook allowed no more than 0 tokens"},
	} {
		c.query.Tokens = hosttest.Tokens(c.prompt, true)
		l := r.lease(c.query)
		if l.Restored != c.restored || l.Reason != c.reason {
			t.Errorf("%s: %d tokens are restored since %q; want %d since %q", c.name, l.Restored, l.Reason, c.restored, c.reason)
		}
	}
	if grouped(1234567) != "1,234,567" || grouped(12) != "12" || grouped(1000) != "1,000" {
		t.Errorf("numbers are written %s", grouped(1234567))
	}
	if _, err := r.engine.Resume(t.Context(), &StateQuery{}); !errors.Is(err, base.ErrInvalid) {
		t.Errorf("no tokens: got %v, want ErrInvalid", err)
	}
}

// What is cheap is saved when it comes a second time, even if the process ended in between.
func TestState_CheapPromptsAreSavedAtSecondUse(t *testing.T) {
	dir := t.TempDir()
	open := func() *rig {
		h := newStateHost(t)
		h.rate = time.Millisecond
		return rigOver(t, openEngine(t, Options{Dir: dir}), h)
	}
	r := open()
	r.ask(words(200, 130, "a"))
	if got := r.stat("kv.size"); got != 0 {
		t.Fatalf("%d chunks are saved at first use", got)
	}
	if err := errors.Join(r.Close(), r.engine.Close()); err != nil {
		t.Fatal(err)
	}
	r = open()
	r.ask(words(200, 130, "b"))
	if got := r.stat("kv.size"); got != 2 {
		t.Fatalf("%d chunks are saved at second use, want the 2 that came twice", got)
	}
	if a := r.ask(words(200, 130, "c")); a.Resume.Restored != 128 {
		t.Errorf("third: %+v", a.Resume)
	}
	if got := r.stat("kv.size"); got != 2 {
		t.Errorf("%d chunks at last, want 2", got)
	}
}

func TestState_FullChunksTakeThePlaceOfShorterOnes(t *testing.T) {
	r := newRig(t, Options{Dir: t.TempDir(), State: StateOptions{MinPrefill: -1, Answers: AnswersOff}})
	r.ask(words(100, 100, ""))
	if got := r.stat("kv.size"); got != 2 {
		t.Fatalf("%d chunks, want a full one and a shorter", got)
	}
	a := r.ask(words(140, 140, ""))
	if a.Resume.Restored != 96 {
		t.Errorf("restored %d, want 96", a.Resume.Restored)
	}
	if size, replaced := r.stat("kv.size"), r.stat("kv.replaced"); size != 3 || replaced != 1 {
		t.Errorf("%d chunks, %d replaced; want 3 and 1", size, replaced)
	}
	checkFiles(t, r.engine)
}

func TestState_HooksDecide(t *testing.T) {
	var hooks fakeHooks = map[hostapi.Role]func(*hostapi.Event) hostapi.Decision{}
	r := newRig(t, Options{Dir: t.TempDir(), Hooks: hooks, State: StateOptions{Answers: AnswersOff}})
	withhold := func(d hostapi.Decision) {
		hooks[hostapi.RoleOnStore] = func(*hostapi.Event) hostapi.Decision { return d }
	}
	for name, d := range map[string]hostapi.Decision{"store": {Store: new(false)}, "save state": {SaveState: new(false)}} {
		withhold(d)
		r.ask(words(100, 0, strings.ReplaceAll(name, " ", "")))
		if got := r.stat("kv.size"); got != 0 {
			t.Errorf("%s: false, and %d chunks were saved", name, got)
		}
	}
	if got := r.stat("kv.withheld"); got == 0 {
		t.Error("nothing was counted as withheld")
	}
	// An answer that is not whole is not stored, so that nobody is asked; then nothing is saved either.
	cut := &Query{Request: &Request{Prompt: words(100, 0, "cut"), MaxTokens: 1}}
	if _, err := r.engine.Serve(t.Context(), cut, r.Infer(cut), func(Chunk) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if r.rest(); r.stat("kv.size") != 0 {
		t.Error("state was saved that no hook was asked about")
	}
	delete(hooks, hostapi.RoleOnStore)
	r.ask(words(100, 100, ""))
	hooks[hostapi.RoleOnMiss] = func(*hostapi.Event) hostapi.Decision { return hostapi.Decision{Resume: new(false)} }
	if a := r.ask(words(100, 90, "x")); a.Action != base.ActionMiss || a.Resume.Restored != 0 || a.Resume.Reason != "a hook had it read from the beginning" {
		t.Errorf("resume false: %+v, %+v", a.Decision, a.Resume)
	}
	hooks[hostapi.RoleOnMiss] = func(*hostapi.Event) hostapi.Decision { return hostapi.Decision{MaxRestoredTokens: new(10)} }
	if a := r.ask(words(100, 90, "y")); a.Resume.Restored > 10 {
		t.Errorf("at most 10: %+v", a.Resume)
	}
	hooks[hostapi.RoleOnLookup] = func(*hostapi.Event) hostapi.Decision { return hostapi.Decision{Bypass: new(true)} }
	if a := r.ask(words(100, 90, "z")); a.Action != base.ActionBypass || a.Resume != nil {
		t.Errorf("bypass: %+v, %+v", a.Decision, a.Resume)
	}
}

// A request that draws without a seed gets no stored answer, but its prompt need not be read again.
func TestState_SampledRequestsAreResumed(t *testing.T) {
	r := newRig(t, Options{Dir: t.TempDir()})
	r.ask(words(100, 100, ""))
	q := &Query{Request: &Request{Prompt: words(100, 100, ""), Sampling: base.Sampling{Temperature: 1}}}
	a, err := r.engine.Serve(t.Context(), q, r.Infer(q), func(Chunk) error { return nil })
	if err != nil || a.Action != base.ActionBypass || a.Resume == nil || a.Resume.Restored != 96 {
		t.Errorf("got %+v, %+v, %v", a.Decision, a.Resume, err)
	}
	r.rest()
}

func TestState_AnswersAreReadAgainWhenTheHostIsIdle(t *testing.T) {
	r := newRig(t, Options{Dir: t.TempDir()})
	r.host.refuse.Store(1) // a request comes in between
	prompt := words(100, 100, "") + "."
	a := r.ask(prompt)
	waitFor(t, func() bool { return r.host.prefills.Load() == 1 })
	waitFor(t, func() bool {
		return r.lease(StateQuery{Tokens: append(a.Result.PromptTokens, a.Result.Tokens...)}).Restored > 102
	})
	next := r.ask(prompt + a.Result.Text + " and then some more of it")
	if want := (100 + len(a.Result.Tokens)) / 4 * 4; next.Resume.Restored != want || next.Resume.Origin != base.OriginPrefill {
		t.Errorf("restored %+v, want about %d of prefill", next.Resume, want)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	checkFiles(t, r.engine)
}

func TestState_AnswersAsTheyWereDecoded(t *testing.T) {
	r := newRig(t, Options{Dir: t.TempDir(), State: StateOptions{Answers: AnswersDecoded}})
	prompt := words(100, 100, "") + "."
	a := r.ask(prompt)
	next := r.ask(prompt + a.Result.Text + " and then some more of it")
	if next.Resume.Restored < 101 || next.Resume.Origin != base.OriginDecode || r.stat("kv.resumed_decoded") != 1 || r.host.prefills.Load() != 0 {
		t.Errorf("restored %+v", next.Resume)
	}
}

func TestState_Off(t *testing.T) {
	for name, c := range map[string]struct {
		options Options
		reason  string
	}{
		"off":    {Options{Dir: t.TempDir(), State: StateOptions{Off: true}}, "saved state is off"},
		"memory": {Options{}, "the cache is in memory, and saved state needs files"},
	} {
		r := newRig(t, c.options)
		for n := range 2 {
			if a := r.ask(words(100, 0, fmt.Sprint(name, n))); a.Action != base.ActionMiss || a.Resume.Reason != c.reason {
				t.Errorf("%s: %+v, %+v", name, a.Decision, a.Resume)
			}
		}
		if r.stat("kv.enabled") != 0 || len(r.host.resumed) > 0 {
			t.Errorf("%s: the host was given a plan", name)
		}
	}
	if _, err := Open(Options{State: StateOptions{MaxBytes: -1, Answers: "all"}}); err == nil ||
		!strings.Contains(err.Error(), "max bytes") || !strings.Contains(err.Error(), `"all"`) {
		t.Errorf("got %v, want both problems", err)
	}
}

func TestState_ModelsThatCannotSaySo(t *testing.T) {
	h := newStateHost(t)
	e := openEngine(t, Options{Dir: t.TempDir()})
	info, err := h.Host.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	info.State = base.StateInfo{Class: "recurrent", Reason: "a recurrent model has no state for each token"}
	r := NewResumer(e, h, info, nil)
	defer r.Close()
	q := ask("a")
	a, err := e.Serve(t.Context(), q, r.Infer(q), func(Chunk) error { return nil })
	if err != nil || a.Resume == nil || a.Resume.Reason != info.State.Reason {
		t.Errorf("got %+v, %v", a.Resume, err)
	}
}

// What makes inference fail without saved state makes it fail with it, in the same words.
func TestState_ErrorsAreTheHosts(t *testing.T) {
	r := newRig(t, Options{Dir: t.TempDir()})
	for name, q := range map[string]*Query{
		"stop":   {Request: &Request{Prompt: "x", Stop: []string{""}}},
		"prompt": {Request: &Request{}},
	} {
		_, got := r.Infer(q)(t.Context(), func(Chunk) error { return nil })
		_, want := r.host.Generate(t.Context(), q.Request, func(Chunk) error { return nil })
		if got == nil || want == nil || got.Error() != want.Error() {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	r.host.Fail(hosttest.Generate, base.ErrUnavailable)
	q := ask(words(100, 100, ""))
	if _, err := r.engine.Serve(t.Context(), q, r.Infer(q), func(Chunk) error { return nil }); !errors.Is(err, base.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	r.rest()
	r.engine.states.mu.Lock()
	defer r.engine.states.mu.Unlock()
	if n := len(r.engine.states.mu.leases); n > 0 {
		t.Errorf("%d leases are left", n)
	}
}

// A report that comes long after the answer is waited for by Close, and what it saved is kept.
func TestResumer_CloseWaitsForFilesUnderWay(t *testing.T) {
	r := newRig(t, Options{Dir: t.TempDir()})
	r.host.late = true
	r.start(words(100, 100, ""))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if got := r.stat("kv.size"); got != 2 {
		t.Errorf("%d chunks, want 2", got)
	}
}

func TestState_LeasedChunksStay(t *testing.T) {
	c := newClock()
	r := newRig(t, Options{Dir: t.TempDir(), Now: c.Now, State: StateOptions{MaxBytes: 4000, Answers: AnswersOff}})
	r.ask(words(100, 100, ""))
	lease, err := r.engine.Resume(t.Context(), &StateQuery{State: r.state, Tokens: hosttest.Tokens(words(100, 100, ""), true)})
	if err != nil || lease.Restored != 96 {
		t.Fatalf("lease %+v, %v", lease, err)
	}
	there := func() bool {
		_, err := os.Stat(blob.Path(lease.Plan.Dir, keysOfChunks(blob.Key(lease.Plan.Seed), hosttest.Tokens(words(100, 100, ""), true))[0]))
		return err == nil
	}
	for n := range 5 {
		r.ask(words(130, 0, fmt.Sprint("x", n, "y")))
	}
	if !there() {
		t.Fatal("a leased chunk was evicted")
	}
	c.advance(leaseTime + time.Minute) // nobody settled it
	for n := range 8 {
		r.ask(words(130, 0, fmt.Sprint("z", n, "y")))
	}
	if there() || r.stat("kv.evicted") == 0 {
		t.Errorf("the chunk of a lease that expired was not evicted; %d were", r.stat("kv.evicted"))
	}
	if _, err := r.engine.Settle(t.Context(), lease.ID, nil, true); !errors.Is(err, ErrNotFound) {
		t.Errorf("settling it: got %v, want ErrNotFound", err)
	}
}

// checkFiles holds that every record has its file and every file its record, that sizes and counts agree, and
// that nothing is left on the way. Nothing is being saved.
func checkFiles(t testing.TB, e *Engine) {
	t.Helper()
	s := e.states
	files, err := blob.List(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum int64
	for key, c := range s.mu.chunks.byKey {
		info, err := os.Stat(blob.Path(s.dir, key))
		if err != nil || info.Size() != c.bytes {
			t.Errorf("chunk %x has %d bytes by its record: %v, %v", key[:4], c.bytes, info, err)
		}
		if record, err := s.record(key); err != nil || record.Bytes != uint64(c.bytes) || originOf[record.Origin] != c.origin {
			t.Errorf("chunk %x has the record %+v, %v", key[:4], record, err)
		}
		sum += c.bytes
	}
	if sum != s.mu.chunks.bytes || len(files) != len(s.mu.chunks.byKey) {
		t.Errorf("%d bytes counted, %d there; %d files, %d chunks", s.mu.chunks.bytes, sum, len(files), len(s.mu.chunks.byKey))
	}
	if temps, _ := filepath.Glob(filepath.Join(s.dir, "new-*")); len(temps) > 0 {
		t.Errorf("%d temporary files are left", len(temps))
	}
}

// waitFor waits for what happens in the background.
func waitFor(t testing.TB, done func() bool) {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("it did not happen")
		}
	}
}

// A process that opens a store only to ask for its metrics is told what is saved, however early it asks.
func TestState_MetricsAreTrueRightAfterOpen(t *testing.T) {
	o := Options{Dir: t.TempDir(), State: StateOptions{MinPrefill: -1, Answers: AnswersOff}}
	r := newRig(t, o)
	for n := range 20 {
		r.ask(words(400, 0, fmt.Sprint("x", n, "y")))
	}
	size, bytes := r.stat("kv.size"), r.stat("kv.bytes")
	if err := errors.Join(r.Close(), r.engine.Close()); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		e := openEngine(t, o)
		stats, err := e.Stats(t.Context())
		if err != nil || int(stats["kv.size"]) != size || int(stats["kv.bytes"]) != bytes {
			t.Errorf("%v chunks of %v bytes by the metrics, want %d of %d; %v", stats["kv.size"], stats["kv.bytes"], size, bytes, err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Metrics that cannot be had in time are an error, not wrong.
func TestState_MetricsWaitNoLongerThanTheCaller(t *testing.T) {
	e := &Engine{states: &states{dir: "kv", ready: make(chan struct{})}} // it still reads what there is
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if stats, err := e.Stats(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %d metrics, %v; want Canceled", len(stats), err)
	}
}
