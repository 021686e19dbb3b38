package schedule

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/layout"
)

// countRunner is a model whose next token is the number of tokens its slot holds, and whose text is
// that number and a space. It checks what the scheduler promises about every Eval.
type countRunner struct {
	t      *testing.T
	size   int
	end    base.Token         // this token ends an answer; 0 means none
	before func(steps []Step) // called at the start of every Eval
	wrong  func(steps []Step) error
	refuse bool // samplers find nothing to choose

	mu      sync.Mutex
	held    map[int]int // slot → tokens
	tokens  map[int][]base.Token
	evals   [][]Step
	outputs []int
	resets  int
	broken  error // what State and SetState return

	layout   *layout.Layout
	restores int
	open     int // samplers
}

func newCountRunner(t *testing.T, size int) *countRunner {
	return &countRunner{t: t, size: size, held: map[int]int{}, tokens: map[int][]base.Token{}}
}

func (r *countRunner) Eval(ctx context.Context, steps []Step) error {
	if r.before != nil {
		r.before(steps)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outputs = r.outputs[:0]
	var copied []Step
	for _, s := range steps {
		if s.Position != r.held[s.Slot] {
			r.t.Errorf("step at position %d of slot %d, which holds %d tokens", s.Position, s.Slot, r.held[s.Slot])
		}
		r.held[s.Slot] += len(s.Tokens)
		r.tokens[s.Slot] = append(r.tokens[s.Slot], s.Tokens...)
		if r.held[s.Slot] > r.size {
			r.t.Errorf("slot %d holds %d tokens, more than its %d", s.Slot, r.held[s.Slot], r.size)
		}
		r.outputs = append(r.outputs, r.held[s.Slot])
		s.Tokens = slices.Clone(s.Tokens)
		copied = append(copied, s)
	}
	r.evals = append(r.evals, copied)
	if r.wrong != nil {
		return r.wrong(steps)
	}
	return nil
}

func (r *countRunner) NewSampler(s *base.Sampling, prompt []base.Token) (Sampler, error) {
	if s.Grammar != "" {
		return nil, &base.Error{Sentinel: base.ErrInvalid, Message: "the grammar does not parse"}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open++
	return &countSampler{r}, nil
}

func (r *countRunner) Clear(slot int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held[slot] = 0
	delete(r.tokens, slot)
}

func (r *countRunner) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.held)
	clear(r.tokens)
	r.resets++
}

func (r *countRunner) AppendPiece(dst []byte, t base.Token) []byte { return fmt.Appendf(dst, "%d ", t) }
func (r *countRunner) IsEnd(t base.Token) bool                     { return r.end != 0 && t == r.end }

type countSampler struct{ r *countRunner }

func (s *countSampler) Next(i int) (base.Token, error) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if s.r.refuse {
		return 0, &base.Error{Sentinel: base.ErrInvalid, Message: "no token is left to choose"}
	}
	return base.Token(s.r.outputs[i]), nil
}

func (s *countSampler) Close() {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.open--
}

func open(t *testing.T, r *countRunner, o Options) *Scheduler {
	t.Helper()
	if o.Context == 0 {
		o.Context = r.size
	}
	if o.Slots == 0 {
		o.Slots = 2
	}
	s := New(r, r, o)
	t.Cleanup(func() { s.Close() })
	return s
}

func prompt(n int) []base.Token { return make([]base.Token, n) }

func ignore(base.Chunk) error { return nil }

func TestScheduler_AnswersUntilTheEndToken(t *testing.T) {
	r := newCountRunner(t, 256)
	r.end = 13
	s := open(t, r, Options{})
	var streamed strings.Builder
	got, err := s.Generate(t.Context(), prompt(10), &base.Request{}, func(c base.Chunk) error {
		streamed.WriteString(c.Text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := "10 11 12 "; got.Text != want || streamed.String() != want {
		t.Errorf("text = %q, streamed %q, want %q", got.Text, streamed.String(), want)
	}
	if want := []base.Token{10, 11, 12}; !slices.Equal(got.Tokens, want) {
		t.Errorf("tokens = %v, want %v", got.Tokens, want)
	}
	if got.FinishReason != base.FinishStop || got.Usage != (base.Usage{PromptTokens: 10, CompletionTokens: 4}) {
		t.Errorf("finish %q, usage %+v", got.FinishReason, got.Usage)
	}
}

func TestScheduler_StopsAtMaxTokensAndAtTheContext(t *testing.T) {
	s := open(t, newCountRunner(t, 100), Options{})
	for _, c := range []struct{ prompt, max, want int }{{10, 5, 5}, {10, 0, 90}, {10, 1000, 90}, {99, 0, 1}} {
		got, err := s.Generate(t.Context(), prompt(c.prompt), &base.Request{MaxTokens: c.max}, ignore)
		if err != nil {
			t.Fatal(err)
		}
		if got.Usage.CompletionTokens != c.want || got.FinishReason != base.FinishLength {
			t.Errorf("prompt of %d, at most %d: %d tokens, finish %q; want %d, length", c.prompt, c.max, got.Usage.CompletionTokens, got.FinishReason, c.want)
		}
	}
}

func TestScheduler_RefusesWhatCannotFit(t *testing.T) {
	s := open(t, newCountRunner(t, 100), Options{})
	for _, n := range []int{0, 100, 5000} {
		if _, err := s.Generate(t.Context(), prompt(n), &base.Request{}, ignore); !errors.Is(err, base.ErrInvalid) {
			t.Errorf("prompt of %d tokens: error %v, want ErrInvalid", n, err)
		}
	}
	bad := &base.Request{Sampling: base.Sampling{Grammar: "x"}}
	if _, err := s.Generate(t.Context(), prompt(3), bad, ignore); !errors.Is(err, base.ErrInvalid) {
		t.Errorf("bad grammar: error %v, want ErrInvalid", err)
	}
	if _, err := s.Generate(t.Context(), prompt(3), &base.Request{MaxTokens: 1}, ignore); err != nil {
		t.Errorf("after refusals: %v", err)
	}
}

// The shape of what is read must not depend on load, so that saved state is the same everywhere.
func TestScheduler_ReadsPromptsInAlignedSlicesAndNeverASingleToken(t *testing.T) {
	r := newCountRunner(t, 2048)
	s := open(t, r, Options{Slots: 3})
	var all sync.WaitGroup
	for n := 2; n < 1100; n += 37 {
		all.Go(func() {
			if _, err := s.Generate(t.Context(), prompt(n), &base.Request{MaxTokens: 3}, ignore); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, steps := range r.evals {
		for _, step := range steps {
			reading := step.Position == 0 || len(step.Tokens) > 1
			if reading && len(steps) > 1 {
				t.Errorf("a slice shares its batch: %+v", steps)
			}
			if reading && (step.Position%alignment != 0 || len(step.Tokens) == 1) {
				t.Errorf("slice of %d tokens at position %d", len(step.Tokens), step.Position)
			}
			if len(step.Tokens) > s.options.MaxStep() {
				t.Errorf("slice of %d tokens, more than MaxStep %d", len(step.Tokens), s.options.MaxStep())
			}
		}
	}
}

func TestScheduler_DecodesAllAnswersInOneBatch(t *testing.T) {
	r := newCountRunner(t, 256)
	s := open(t, r, Options{Slots: 4})
	hold := make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	t.Cleanup(release) // also when the test fails, before the scheduler is closed
	held := sync.OnceFunc(func() { <-hold })
	r.before = func([]Step) { held() } // until all four are there
	var started atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			ctx := base.WithStarted(t.Context(), func() { started.Add(1) })
			s.Generate(ctx, prompt(5), &base.Request{MaxTokens: 50}, ignore)
		})
	}
	// How many have a slot already when the first is held is a matter of chance.
	waitFor(t, s, func() bool { return int(started.Load())+len(s.mu.queue) == 4 })
	release()
	all.Wait()
	widest := 0
	for _, steps := range r.evals {
		widest = max(widest, len(steps))
	}
	if widest != 4 {
		t.Errorf("the widest batch had %d answers, want 4", widest)
	}
	if len(r.evals) > 4*2+60 {
		t.Errorf("%d batches for 4 answers of 50 tokens", len(r.evals))
	}
}

// waitFor waits until cond, which may look at s.mu, holds.
func waitFor(t *testing.T, s *Scheduler, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		ok := cond()
		s.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("gave up waiting")
		}
	}
}

func TestScheduler_TurnsAwayWhatTheQueueCannotHold(t *testing.T) {
	r := newCountRunner(t, 256)
	hold, entered := make(chan struct{}), make(chan struct{}, 1000)
	r.before = func([]Step) { entered <- struct{}{}; <-hold }
	s := open(t, r, Options{Slots: 1, Queue: 2})
	var all sync.WaitGroup
	run := func() {
		all.Go(func() {
			if _, err := s.Generate(t.Context(), prompt(5), &base.Request{MaxTokens: 2}, ignore); err != nil {
				t.Error(err)
			}
		})
	}
	run()
	<-entered // the first is in work
	run()
	waitFor(t, s, func() bool { return len(s.mu.queue) == 1 })
	run()
	waitFor(t, s, func() bool { return len(s.mu.queue) == 2 })
	if _, err := s.Generate(t.Context(), prompt(5), &base.Request{}, ignore); !errors.Is(err, base.ErrOverloaded) {
		t.Errorf("fourth request: %v, want ErrOverloaded", err)
	}
	close(hold)
	all.Wait()
}

func TestScheduler_CancelFreesTheSlotWithinOneSlice(t *testing.T) {
	r := newCountRunner(t, 4096)
	s := open(t, r, Options{Slots: 1})
	ctx, cancel := context.WithCancel(t.Context())
	evals := 0
	r.before = func([]Step) {
		if evals++; evals == 2 {
			cancel()
		}
	}
	if _, err := s.Generate(ctx, prompt(3000), &base.Request{}, ignore); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want Canceled", err)
	}
	got, err := s.Generate(t.Context(), prompt(10), &base.Request{MaxTokens: 1}, ignore)
	if err != nil || got.Text != "10 " {
		t.Fatalf("next request: %+v, %v", got, err)
	}
	if evals != 3 {
		t.Errorf("%d batches, want 3: one slice, the cancelled one, the next request", evals)
	}
}

func TestScheduler_FailingEmitFreesTheSlot(t *testing.T) {
	s := open(t, newCountRunner(t, 4096), Options{Slots: 1})
	full := errors.New("client is gone")
	if _, err := s.Generate(t.Context(), prompt(4), &base.Request{}, func(base.Chunk) error { return full }); err != full {
		t.Fatalf("error %v, want emit's own", err)
	}
	if _, err := s.Generate(t.Context(), prompt(4), &base.Request{MaxTokens: 1}, ignore); err != nil {
		t.Fatal(err)
	}
}

func TestScheduler_FailedComputationRestsItsSlotUntilTheMemoryIsOverwritten(t *testing.T) {
	r := newCountRunner(t, 256)
	r.wrong = func([]Step) error { return errors.New("code -3") }
	s := open(t, r, Options{Slots: 2})
	if _, err := s.Generate(t.Context(), prompt(4), &base.Request{}, ignore); err == nil || !strings.Contains(err.Error(), "code -3") {
		t.Fatalf("error %v, want the runner's", err)
	}
	s.Do(t.Context(), func() { r.wrong = nil })
	if _, err := s.Generate(t.Context(), prompt(4), &base.Request{MaxTokens: 1}, ignore); err != nil {
		t.Fatal(err)
	}
	if r.resets != 1 {
		t.Errorf("%d resets, want 1", r.resets)
	}
}

func TestScheduler_StartedIsToldWhenTheSlotIsTaken(t *testing.T) {
	s := open(t, newCountRunner(t, 256), Options{})
	started := 0
	ctx := base.WithStarted(t.Context(), func() { started++ })
	if _, err := s.Generate(ctx, prompt(4), &base.Request{MaxTokens: 3}, ignore); err != nil {
		t.Fatal(err)
	}
	if started != 1 {
		t.Errorf("started was told %d times, want once", started)
	}
}

func TestScheduler_CloseFailsEveryRequestAndLeaksNoSampler(t *testing.T) {
	r := newCountRunner(t, 256)
	hold := make(chan struct{})
	entered := make(chan struct{}, 100)
	r.before = func([]Step) { entered <- struct{}{}; <-hold }
	s := New(r, r, Options{Slots: 1, Context: 256})
	errs := make(chan error, 3)
	for range 3 {
		go func() {
			_, err := s.Generate(t.Context(), prompt(4), &base.Request{}, ignore)
			errs <- err
		}()
	}
	<-entered
	waitFor(t, s, func() bool { return len(s.mu.queue) == 2 })
	closed := make(chan struct{})
	go func() { s.Close(); close(closed) }()
	waitFor(t, s, func() bool { return s.mu.closed })
	close(hold)
	for range 3 {
		if err := <-errs; !errors.Is(err, base.ErrUnavailable) {
			t.Errorf("error %v, want ErrUnavailable", err)
		}
	}
	<-closed
	if r.open != 0 {
		t.Errorf("%d samplers left open", r.open)
	}
	if _, err := s.Generate(t.Context(), prompt(4), &base.Request{}, ignore); !errors.Is(err, base.ErrUnavailable) {
		t.Errorf("after Close: %v", err)
	}
	if err := s.Do(t.Context(), func() {}); !errors.Is(err, base.ErrUnavailable) {
		t.Errorf("Do after Close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestScheduler_Hammer(t *testing.T) {
	r := newCountRunner(t, 600)
	s := open(t, r, Options{Slots: 3, Queue: 1000})
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			n, seen := 1+i*7%500, 0
			_, err := s.Generate(ctx, prompt(n), &base.Request{MaxTokens: 20}, func(base.Chunk) error {
				if seen++; i%5 == 0 && seen == 7 {
					cancel()
				}
				return nil
			})
			if err != nil && !(i%5 == 0 && errors.Is(err, context.Canceled)) {
				t.Errorf("request %d: %v", i, err)
			}
		})
	}
	all.Wait()
	s.Close()
	if r.open != 0 {
		t.Errorf("%d samplers left open", r.open)
	}
}

func TestSliceEnd(t *testing.T) {
	for total := 1; total < 700; total++ {
		for _, limit := range []int{64, 128, 512} {
			for read := 0; read < total; {
				end := SliceEnd(read, total, limit)
				switch {
				case end <= read || end > total:
					t.Fatalf("SliceEnd(%d, %d, %d) = %d", read, total, limit, end)
				case end < total && end%alignment != 0:
					t.Fatalf("SliceEnd(%d, %d, %d) = %d, not a multiple of 64", read, total, limit, end)
				case end-read < min(alignment, total):
					t.Fatalf("SliceEnd(%d, %d, %d) = %d, fewer than 64 tokens", read, total, limit, end)
				case end-read > limit+alignment-1:
					t.Fatalf("SliceEnd(%d, %d, %d) = %d, too long", read, total, limit, end)
				}
				read = end
			}
		}
	}
	if got := SliceEnd(36, 200, 64); got != 64 {
		t.Errorf("a slice that begins between boundaries ends at %d, want 64", got)
	}
}

func TestPace_FollowsTheSpeedOfTheModel(t *testing.T) {
	p := pace{max: 512}
	if got := p.limit(true); got != 128 {
		t.Errorf("before the first slice: %d, want 128", got)
	}
	for _, c := range []struct {
		rate          float64
		alone, shared int
	}{{10, 64, 64}, {200, 192, 64}, {1000, 512, 64}, {20000, 512, 128}} {
		p := pace{max: 512}
		for range 40 {
			p.observe(100, time.Duration(100/c.rate*float64(time.Second)))
		}
		if a, s := p.limit(true), p.limit(false); a != c.alone || s != c.shared {
			t.Errorf("at %v tokens/s: %d alone, %d shared; want %d, %d", c.rate, a, s, c.alone, c.shared)
		}
	}
	p.observe(5, 0)
	if math.IsInf(p.rate, 0) || math.IsNaN(p.rate) {
		t.Errorf("rate is %v after a slice in no time", p.rate)
	}
}

func TestScheduler_RequestThatLeavesNothingToChooseCostsNoSlot(t *testing.T) {
	r := newCountRunner(t, 256)
	r.refuse = true
	s := open(t, r, Options{Slots: 1})
	if _, err := s.Generate(t.Context(), prompt(4), &base.Request{}, ignore); !errors.Is(err, base.ErrInvalid) {
		t.Fatalf("error %v, want ErrInvalid", err)
	}
	s.Do(t.Context(), func() { r.refuse = false })
	if _, err := s.Generate(t.Context(), prompt(4), &base.Request{MaxTokens: 1}, ignore); err != nil {
		t.Fatal(err)
	}
	if r.resets != 0 {
		t.Errorf("%d resets, want none", r.resets)
	}
}

func TestScheduler_TaintedSlotIsWashedUnderLoad(t *testing.T) {
	r := newCountRunner(t, 256)
	failed := false
	r.wrong = func(steps []Step) error {
		if !failed && steps[0].Position == 0 {
			failed = true
			return errors.New("code -3")
		}
		return nil
	}
	s := open(t, r, Options{Slots: 2, Queue: 100})
	var all sync.WaitGroup
	for range 50 { // there is always another waiting
		all.Go(func() { s.Generate(t.Context(), prompt(5), &base.Request{MaxTokens: 10}, ignore) })
	}
	all.Wait()
	if r.resets != 1 {
		t.Errorf("%d resets, want 1", r.resets)
	}
}
