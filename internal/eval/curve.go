package eval

import "slices"

// Curves say what other thresholds would do. Served is what has at least the threshold for its score: by the
// score alone, and if the strategy has a guard, what the guard lets pass too.
type Curves struct {
	Guard []Point `json:"guard,omitempty"`
	Score []Point `json:"score"`
}

// Point is what is served at a threshold. On pairs it is also what is served at lower thresholds, down to that
// of the point before.
type Point struct {
	Threshold float64 `json:"threshold"`
	Served    int     `json:"served"`
	FalseHits int     `json:"false_hits"`
	PerHit    Rate    `json:"false_hits_per_hit"`
	Recall    Rate    `json:"recall"`
}

// steps is how many steps the thresholds of a curve make between 0 and 1.
const steps = 100

// tally counts by the highest threshold that serves.
type tally struct{ right, wrong [steps + 1]int }

// add counts what is served up to a threshold of score.
func (t *tally) add(score float64, right bool) {
	step := 0
	for step < steps && float64(step+1)/steps <= score {
		step++
	}
	if right {
		t.right[step]++
	} else {
		t.wrong[step]++
	}
}

// curve returns the points without those at which nothing changes. could is how much could be served rightly.
func (t *tally) curve(could int) []Point {
	var points []Point
	right, wrong := 0, 0
	for step := steps; step >= 0; step-- {
		if t.right[step]+t.wrong[step] == 0 && step < steps {
			continue
		}
		right, wrong = right+t.right[step], wrong+t.wrong[step]
		points = append(points, Point{Threshold: float64(step) / steps, Served: right + wrong, FalseHits: wrong,
			PerHit: RateOf(wrong, right+wrong), Recall: RateOf(right, could)})
	}
	slices.Reverse(points)
	return points
}

// at returns what is served at a threshold. ok is false if it is not known.
func (r *Result) at(points []Point, threshold float64) (p Point, ok bool) {
	for _, p := range points {
		if p.Threshold == threshold || r.PairCounts != nil && p.Threshold > threshold {
			return p, true
		}
	}
	return Point{}, false
}
