package ngram

import (
	"testing"
)

func TestMeasure_NeedIsTheLeastThatReachesTheFloor(t *testing.T) {
	for _, c := range []struct {
		m       Measure
		floor   float64
		q, c, n int
	}{
		{ByJaccard, 0.6, 4, 4, 3}, // 3 of 5
		{ByJaccard, 0.6, 5, 3, 3},
		{ByJaccard, 1, 7, 7, 7},
		{ByJaccard, 0, 7, 7, 1},
		{ByContainment, 0.6, 5, 9, 3},
		{ByContainment, 0.7, 10, 90, 7},
	} {
		if got := c.m.need(c.floor, c.q, c.c); got != c.n {
			t.Errorf("%s %v of %d and %d: got %d, want %d", c.m, c.floor, c.q, c.c, got, c.n)
		}
	}
	for _, m := range []Measure{ByJaccard, ByContainment} {
		for percent := range 101 {
			checkNeed(t, m, float64(percent)/100)
		}
	}
}

func checkNeed(t *testing.T, m Measure, floor float64) {
	for q := 1; q <= 60; q++ {
		for c := 1; c <= 60; c++ {
			n := m.need(floor, q, c)
			if n <= min(q, c) && m.score(n, q, c) < floor || n > 1 && m.score(n-1, q, c) >= floor {
				t.Fatalf("%s %v of %d and %d: %d is not the least", m, floor, q, c, n)
			}
		}
	}
}
