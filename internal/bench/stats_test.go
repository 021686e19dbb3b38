package bench

import (
	"math"
	"testing"
	"time"
)

func TestQuantile_IsTheNearestRank(t *testing.T) {
	times := []time.Duration{50, 15, 40, 20, 35} // the example of the method: 15, 20, 35, 40, 50
	for q, want := range map[float64]time.Duration{0: 15, 0.05: 15, 0.3: 20, 0.4: 20, 0.5: 35, 0.95: 50, 1: 50} {
		if got := quantile(times, q); got != want {
			t.Errorf("%v: got %d, want %d", q, got, want)
		}
	}
	if times[0] != 50 {
		t.Error("the times were sorted in place")
	}
	if got := quantile(nil, 0.5); got != 0 {
		t.Errorf("of none: got %v, want 0", got)
	}
}

func TestSaving(t *testing.T) {
	for _, tt := range []struct {
		without, with time.Duration
		want          float64
	}{{100, 70, 0.3}, {100, 100, 0}, {100, 120, -0.2}, {100, 0, 1}} {
		if got := float64(saving(tt.without, tt.with)); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("%d without and %d with: got %v, want %v", tt.without, tt.with, got, tt.want)
		}
	}
	if got := saving(0, 5); got.Known() {
		t.Errorf("of no time: got %v, want not known", got)
	}
}

func TestInterval_HoldsTheSaving(t *testing.T) {
	// A hundred equal requests of which every other one is a hit: the share of hits in a draw is binomial, with a
	// standard deviation of 5 %, so the bounds are near 50 % +- 9.8 %.
	without, with := make([]time.Duration, 100), make([]time.Duration, 100)
	for i := range without {
		without[i], with[i] = 1000, time.Duration(i%2)*1000
	}
	low, high := interval(without, with, 1)
	if math.Abs(float64(low)-0.402) > 0.02 || math.Abs(float64(high)-0.598) > 0.02 {
		t.Errorf("got %v to %v, want about 40.2 %% to 59.8 %%", low, high)
	}
	if again, _ := interval(without, with, 1); again != low {
		t.Errorf("the same seed gave %v and %v", low, again)
	}
	if low, high = interval([]time.Duration{100, 200}, []time.Duration{50, 100}, 1); low != 0.5 || high != 0.5 {
		t.Errorf("every request saves half: got %v to %v", low, high)
	}
	if low, high = interval(nil, nil, 1); low.Known() || high.Known() {
		t.Errorf("of none: got %v to %v, want not known", low, high)
	}
}
