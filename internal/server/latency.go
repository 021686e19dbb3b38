package server

import (
	"math"
	"sync/atomic"
	"time"
)

// buckets of a latencies: each holds what took up to growth times as long as those before, the first up to
// shortest, the last whatever is longer.
const (
	latencyBuckets = 40
	shortest       = 100 * time.Microsecond
	growth         = 1.5
)

// latencies counts how long requests took. It may be used from many goroutines.
type latencies struct{ counts [latencyBuckets]atomic.Uint32 }

// latencyCounts are what latencies had counted at a time. They may overflow; differences are right.
type latencyCounts [latencyBuckets]uint32

func (l *latencies) add(took time.Duration) {
	n := 0
	if took > shortest {
		n = min(int(math.Ceil(math.Log(float64(took)/float64(shortest))/math.Log(growth))), latencyBuckets-1)
	}
	l.counts[n].Add(1)
}

func (l *latencies) read() (counts latencyCounts) {
	for i := range counts {
		counts[i] = l.counts[i].Load()
	}
	return counts
}

// since returns what was counted after older.
func (c latencyCounts) since(older latencyCounts) (counts latencyCounts) {
	for i := range c {
		counts[i] = c[i] - older[i]
	}
	return counts
}

// quantile returns about how long the share q of requests took at most, in milliseconds; 0 if there are none.
func (c latencyCounts) quantile(q float64) float64 {
	total := 0.0
	for _, n := range c {
		total += float64(n)
	}
	if total == 0 {
		return 0
	}
	before := 0.0
	for i, n := range c {
		if before+float64(n) < q*total || n == 0 {
			before += float64(n)
			continue
		}
		high := float64(shortest) * math.Pow(growth, float64(i))
		low := high / growth
		if i == 0 {
			low = 0
		}
		return (low + (high-low)*(q*total-before)/float64(n)) / float64(time.Millisecond)
	}
	return 0
}
