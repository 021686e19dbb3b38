package bench

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kvasir-cache/kvasir/internal/eval"
)

// quantile returns the nearest-rank quantile: the least of the times that at least the share q of them do not
// exceed. Of none it is 0.
func quantile(times []time.Duration, q float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

func sum(times []time.Duration) (all time.Duration) {
	for _, t := range times {
		all += t
	}
	return all
}

// saving is the share of the time without the cache that is gone with it; below 0 if it takes longer.
func saving(without, with time.Duration) eval.Rate {
	return 1 - share(with, without)
}

// share returns part of whole; that of nothing is not known.
func share(part, whole time.Duration) eval.Rate {
	if whole <= 0 {
		return eval.Rate(math.NaN())
	}
	return eval.Rate(part) / eval.Rate(whole)
}

// redraws is how many streams the interval is made of.
const redraws = 2000

// interval returns the bounds between which the saving is in 95 of 100 streams that are drawn, with repeats,
// from the requests that were measured (the bootstrap of Efron, 1979). It says how much the figure hangs on
// single requests, and nothing of another kind of load.
func interval(without, with []time.Duration, seed uint64) (low, high eval.Rate) {
	if len(without) == 0 {
		return eval.Rate(math.NaN()), eval.Rate(math.NaN())
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	drawn := make([]eval.Rate, redraws)
	for n := range drawn {
		var a, b time.Duration
		for range without {
			i := rng.IntN(len(without))
			a, b = a+without[i], b+with[i]
		}
		drawn[n] = saving(a, b)
	}
	slices.Sort(drawn)
	return drawn[redraws*25/1000], drawn[redraws*975/1000-1]
}
