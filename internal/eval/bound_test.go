package eval

import (
	"encoding/json"
	"math"
	"testing"
)

// The bounds are those of the beta distribution; that of none of n has the closed form 1 - 0.05^(1/n).
func TestUpperBound_KnownValues(t *testing.T) {
	for _, c := range []struct {
		part, whole int
		want        float64
	}{
		{0, 0, 1}, {0, 1, 0.95}, {1, 1, 1}, {5, 5, 1},
		{0, 299, 1 - math.Pow(0.05, 1.0/299)}, {0, 100000, 1 - math.Pow(0.05, 1.0/100000)},
		{1, 10, 0.394163}, {5, 10, 0.777559}, {9, 10, 0.994884},
	} {
		if got := float64(UpperBound(c.part, c.whole)); math.Abs(got-c.want) > 2e-6 {
			t.Errorf("%d of %d: got %.7f, want %.7f", c.part, c.whole, got, c.want)
		}
	}
}

// The least numbers of hits that show fewer than 1 % to be wrong, with 0, 1 and 3 wrong ones.
func TestUpperBound_LeastThatShowsOnePercent(t *testing.T) {
	for wrong, hits := range map[int]int{0: 299, 1: 473, 3: 773} {
		if got := UpperBound(wrong, hits); got >= 0.01 || got < 0.0099 {
			t.Errorf("%d of %d: got %.6f, want just under 0.01", wrong, hits, got)
		}
		if got := UpperBound(wrong, hits-1); got < 0.01 {
			t.Errorf("%d of %d: got %.6f, want at least 0.01", wrong, hits-1, got)
		}
	}
}

func TestUpperBound_HoldsWhatItSays(t *testing.T) {
	for _, c := range [][2]int{{2, 40}, {30, 64}, {700, 5000}, {15999, 16000}} {
		bound := float64(UpperBound(c[0], c[1]))
		if chance := atMost(c[0], c[1], bound); math.Abs(chance-0.05) > 1e-4 {
			t.Errorf("%d of %d: at %.6f the chance is %.5f, want 0.05", c[0], c[1], bound, chance)
		}
	}
}

func TestRate_OfNothingIsNull(t *testing.T) {
	got, err := json.Marshal([]Rate{RateOf(1, 3), RateOf(0, 0), 0})
	if err != nil || string(got) != "[0.333333,null,0]" {
		t.Errorf("got %s, %v", got, err)
	}
}
