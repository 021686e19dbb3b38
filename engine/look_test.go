package engine

import (
	"context"
	"sync"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// A lookup that began before an equal flight landed, and joins after, is answered by that flight.
func TestLook_JoinsWhatLandedMeanwhile(t *testing.T) {
	var fs flights
	runs := 0
	share := func(l *looking) bool {
		_, shared, err := fs.share(t.Context(), l, [32]byte{1}, func(context.Context, func(base.Chunk) error) (*base.Result, error) {
			runs++
			return &base.Result{Text: "answer"}, nil
		}, collect(new(string)))
		if err != nil {
			t.Error(err)
		}
		return shared
	}
	early, other := fs.look(), fs.look()
	if share(fs.look()) {
		t.Error("the first was answered by another")
	}
	late := fs.look()
	if !share(early) || runs != 1 {
		t.Errorf("who looked before began inference %d", runs)
	}
	if share(late) || runs != 2 {
		t.Errorf("who looked after was answered by what landed before; %d inferences", runs)
	}
	other.done()
	if n := len(fs.mu.byKey); n != 0 {
		t.Errorf("%d flights are kept and nobody looks", n)
	}
}

func TestLook_KeepsNoFlightThatFailed(t *testing.T) {
	var fs flights
	early := fs.look()
	fail := func(context.Context, func(base.Chunk) error) (*base.Result, error) { return nil, errStopped }
	if _, _, err := fs.share(t.Context(), fs.look(), [32]byte{}, fail, collect(new(string))); err == nil {
		t.Fatal("it did not fail")
	}
	if n := len(fs.mu.byKey); n != 0 {
		t.Errorf("%d flights are kept", n)
	}
	early.done()
}

// Lookups that overlap for ever do not keep flights for ever.
func TestLook_ForgetsFlightsThoughSomebodyAlwaysLooks(t *testing.T) {
	var fs flights
	run := func(context.Context, func(base.Chunk) error) (*base.Result, error) { return &base.Result{}, nil }
	last := fs.look()
	for i := range 1000 {
		next := fs.look()
		if _, _, err := fs.share(t.Context(), next, [32]byte{byte(i), byte(i >> 8)}, run, collect(new(string))); err != nil {
			t.Fatal(err)
		}
		next = fs.look()
		last.done()
		last = next
	}
	if n := len(fs.mu.byKey); n > 4 {
		t.Errorf("%d flights are kept", n)
	}
}

// However lookups and landings fall together, an answer that is remembered is inferred once.
func TestServe_InfersOnceWhateverTheMoment(t *testing.T) {
	e := openEngine(t, Options{})
	for round := range 200 {
		q := ask(string(rune('a'+round%26)) + string(rune('a'+round/26)))
		var mu sync.Mutex
		runs := 0
		infer := func(context.Context, func(Chunk) error) (*Result, error) {
			mu.Lock()
			defer mu.Unlock()
			runs++
			return answered("answer"), nil
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if _, err := e.Serve(t.Context(), q, infer, func(Chunk) error { return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if runs != 1 {
			t.Fatalf("round %d: %d inferences", round, runs)
		}
	}
}
