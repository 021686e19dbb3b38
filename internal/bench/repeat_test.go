package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

func TestRepeat_CountsAndTimes(t *testing.T) {
	r := littleReport(t)
	// Without the cache ten times the model; with it six hits, of which "beta (not)" is wrong, and four misses.
	counts := [...]int{r.Requests, r.Hits, r.Exact, r.Approx, r.Misses, r.Unknown, r.FalseHits, r.Without.Inferences, r.With.Inferences, r.With.AnswerTokens}
	if want := [...]int{10, 6, 3, 3, 4, 2, 1, 10, 4, 20}; counts != want {
		t.Errorf("counts: got %v, want %v", counts, want)
	}
	if !slices.Equal(r.FalseHitLines, []int{7}) {
		t.Errorf("false hits: got lines %v, want 7", r.FalseHitLines)
	}
	if r.Without.Total != 1000 || r.With.Total != 4*104+6*1 {
		t.Errorf("totals: got %v and %v ms, want 1000 and 422", r.Without.Total, r.With.Total)
	}
	if got := r.Saving.String(); got != "57.80 %" {
		t.Errorf("saving: got %s, want 57.80 %%", got)
	}
	if r.Cache.Total != 22 || r.HitTime.Median != 1 || r.Overhead != (Spent{16, 4, 4}) || r.OverheadShare.String() != "4.00 %" {
		t.Errorf("the cache: got %+v, a hit %+v, a miss %+v, share %v", r.Cache, r.HitTime, r.Overhead, r.OverheadShare)
	}
	var names []string
	for _, k := range slices.Concat(r.ByKind, r.ByAction) {
		names = append(names, fmt.Sprintf("%s %d/%d", k.Name, k.Hits, k.Requests))
	}
	want := []string{"new 0/3", "repeat 3/3", "variant 2/2", "trap 1/1", " 0/1", "miss 0/4", "exact 3/3", "approx 3/3"}
	if !slices.Equal(names, want) {
		t.Errorf("parts: got %q, want %q", names, want)
	}
}

// Whichever arm goes first, what the cache remembered of a request that failed in the other is known.
func TestRepeat_LeavesOutWhatIsInvalid(t *testing.T) {
	tooLong := &base.Error{Sentinel: base.ErrTooLong, Message: "the prompt is too long"}
	for seed := range uint64(8) {
		r := littleRepeat(t)
		r.Seed = seed
		r.Without.(*fakePlain).fails = map[string]error{"beta": tooLong}
		if err := r.Run(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		report := r.Report(littleSetup)
		if report.Failures != 2 || report.Requests != 8 || report.Failure != "line 3: the prompt is too long" || report.Interrupted {
			t.Errorf("seed %d: got %d failures, %d requests, %q, interrupted %t", seed, report.Failures, report.Requests, report.Failure, report.Interrupted)
		}
		if g := report.Hold(Limits{MinSaving: 0}); g.Passed {
			t.Error("a run of which requests failed passed")
		}
	}
}

func TestRepeat_StopsAtTheFirstOtherFailure(t *testing.T) {
	r := littleRepeat(t)
	r.Without.(*fakePlain).fails = map[string]error{"gamma": base.ErrUnavailable}
	err := r.Run(t.Context(), nil)
	if !errors.Is(err, base.ErrUnavailable) || !strings.HasPrefix(err.Error(), "line 5: ") {
		t.Errorf("error %v, want that of line 5", err)
	}
	if report := r.Report(littleSetup); report.Requests != 4 || !report.Interrupted {
		t.Errorf("got %d requests, interrupted %t; want the 4 before", report.Requests, report.Interrupted)
	}
}

func TestRepeat_ReportsWhatWasDoneBeforeAnInterrupt(t *testing.T) {
	r := littleRepeat(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := r.Run(ctx, func(done int, without, with time.Duration) {
		if done == 2 && (without != 2*modelTime || with != modelTime+missTime+hitTime) {
			t.Errorf("progress: got %v and %v", without, with)
		}
		if done == 6 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want Canceled", err)
	}
	report := r.Report(littleSetup)
	if report.Requests != 6 || report.Planned != 10 || !report.Interrupted || report.Hits != 3 {
		t.Errorf("got %d of %d requests, %d hits, interrupted %t", report.Requests, report.Planned, report.Hits, report.Interrupted)
	}
	var text strings.Builder
	if err := report.WriteText(&text); err != nil || !strings.Contains(text.String(), "interrupted, 10 were to be asked") {
		t.Errorf("error %v, text\n%s", err, text.String())
	}
}

func TestRepeat_RefusesAStoreThatWasNotEmpty(t *testing.T) {
	r := littleRepeat(t)
	r.With.(*fakeCached).entries = []string{"Alpha"}
	if err := r.Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "the store was not empty") {
		t.Errorf("error %v, want one about the store", err)
	}
}

// An arm that always went first would always meet the colder machine.
func TestOrder_IsFairAndSeeded(t *testing.T) {
	draw := func(seed uint64) (firsts []bool) {
		o := order{rng: rand.New(rand.NewPCG(seed, 0))}
		for range 200 {
			firsts = append(firsts, o.cached())
		}
		return firsts
	}
	one := draw(1)
	coins := 0
	for i := 0; i < len(one); i += 2 {
		if one[i] == one[i+1] {
			t.Fatalf("at requests %d and %d the same arm went first", i, i+1)
		}
		if one[i] {
			coins++
		}
	}
	if coins < 30 || coins > 70 {
		t.Errorf("the arm with the cache began %d of 100 pairs", coins)
	}
	if !slices.Equal(one, draw(1)) || slices.Equal(one, draw(2)) {
		t.Error("the order does not hang on the seed alone")
	}
}
