package engine

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

var key = [32]byte{1}

func collect(into *string) func(base.Chunk) error {
	return func(c base.Chunk) error { *into += c.Text; return nil }
}

func say(ctx context.Context, emit func(base.Chunk) error, words ...string) (*base.Result, error) {
	text := ""
	for _, w := range words {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		text += w
		if err := emit(base.Chunk{Text: w}); err != nil {
			return nil, err
		}
	}
	return &base.Result{Text: text}, nil
}

// waiting reports how many callers wait for the flight of key.
func (fs *flights) waiting(key [32]byte) int {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.mu.byKey[key]
	if f == nil {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.waiting
}

func TestFlights_EqualRequestsShareOneInference(t *testing.T) {
	var fs flights
	var runs atomic.Int32
	half, rest := make(chan struct{}), make(chan struct{})
	run := func(ctx context.Context, emit func(base.Chunk) error) (*base.Result, error) {
		runs.Add(1)
		emit(base.Chunk{Text: "one "})
		close(half)
		<-rest
		return &base.Result{Text: "one two"}, emit(base.Chunk{Text: "two"})
	}
	const callers = 5
	var all sync.WaitGroup
	var began atomic.Int32
	ask := func() {
		all.Go(func() {
			var heard string
			r, shared, err := fs.share(t.Context(), fs.look(), key, run, collect(&heard))
			if err != nil || r.Text != "one two" || heard != "one two" {
				t.Errorf("result %v, heard %q, error %v", r, heard, err)
			}
			if !shared {
				began.Add(1)
			}
		})
	}
	ask()
	<-half
	for range callers - 1 {
		ask()
	}
	for fs.waiting(key) < callers {
		runtime.Gosched()
	}
	close(rest)
	all.Wait()
	if runs.Load() != 1 || began.Load() != 1 {
		t.Errorf("%d inferences, begun by %d requests; want 1 and 1", runs.Load(), began.Load())
	}
}

func TestFlights_GoesOnWhenTheOneWhoBeganItLeaves(t *testing.T) {
	var fs flights
	started, rest := make(chan struct{}), make(chan struct{})
	run := func(ctx context.Context, emit func(base.Chunk) error) (*base.Result, error) {
		close(started)
		<-rest
		return say(ctx, emit, "still ", "here")
	}
	first, leave := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, _, err := fs.share(first, fs.look(), key, run, collect(new(string)))
		gone <- err
	}()
	<-started
	answered := make(chan string)
	go func() {
		var heard string
		fs.share(t.Context(), fs.look(), key, run, collect(&heard))
		answered <- heard
	}()
	for fs.waiting(key) < 2 {
		runtime.Gosched()
	}
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the one who left got %v", err)
	}
	close(rest)
	if got := <-answered; got != "still here" {
		t.Errorf("the one who stayed heard %q", got)
	}
}

func TestFlights_EndsWhenNobodyWaits(t *testing.T) {
	var fs flights
	ended := make(chan error, 1)
	started := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	_, _, err := fs.share(ctx, fs.look(), key, func(ctx context.Context, _ func(base.Chunk) error) (*base.Result, error) {
		close(started)
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	}, collect(new(string)))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := <-ended; err == nil {
		t.Error("the inference went on for nobody")
	}
	fs.running.Wait()
}

func TestFlights_AnotherTakesOverWhenOneFails(t *testing.T) {
	for name, c := range map[string]struct {
		again []string
		want  string
		fails bool
	}{
		"the same answer":    {[]string{"one t", "wo"}, "one two", false},
		"a different answer": {[]string{"eins zwei"}, "one ", true},
		"a shorter answer":   {[]string{"one"}, "one ", true},
	} {
		var fs flights
		var runs atomic.Int32
		half, broken := make(chan struct{}), errors.New("host died")
		fall := make(chan struct{})
		run := func(ctx context.Context, emit func(base.Chunk) error) (*base.Result, error) {
			if runs.Add(1) == 1 {
				emit(base.Chunk{Text: "one "})
				close(half)
				<-fall
				return nil, broken
			}
			return say(ctx, emit, c.again...)
		}
		leader := make(chan error)
		go func() {
			_, _, err := fs.share(t.Context(), fs.look(), key, run, collect(new(string)))
			leader <- err
		}()
		<-half
		type end struct {
			heard string
			err   error
		}
		follower := make(chan end)
		go func() {
			var heard string
			_, _, err := fs.share(t.Context(), fs.look(), key, run, collect(&heard))
			follower <- end{heard, err}
		}()
		for fs.waiting(key) < 2 {
			runtime.Gosched()
		}
		close(fall)
		if err := <-leader; err != broken {
			t.Errorf("%s: the one who began got %v, want its own failure", name, err)
		}
		if got := <-follower; got.heard != c.want || (got.err != nil) != c.fails {
			t.Errorf("%s: the follower heard %q with error %v; want %q", name, got.heard, got.err, c.want)
		}
	}
}
