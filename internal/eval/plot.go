package eval

import (
	"fmt"
	"strings"

	"github.com/kvasir-cache/kvasir/internal/report"
)

// roundUp returns the end of an axis of shares up to v, at most 1. At least 1 % is shown.
func roundUp(v float64) float64 { return min(report.RoundUp(max(v, 0.01)), 1) }

// curve is a curve of a result, with its name and colour.
type curve struct {
	name, class string
	points      []Point
}

func (r *Result) namedCurves() []curve {
	curves := []curve{{"score alone", report.First, r.Curves.Score}}
	if r.Curves.Guard != nil {
		curves = append(curves, curve{"with the guard", report.Second, r.Curves.Guard})
	}
	return curves
}

// plots returns the charts of a strategy, none if it has no curves.
func (r *Result) plots() []report.Plot {
	if len(r.Curves.Score) == 0 {
		return nil
	}
	x := report.Across(0, 1)
	if r.StreamCounts != nil {
		x.Least = min(r.Curves.Score[0].Threshold, 0.5)
	}
	perHit := func(p Point) Rate { return p.PerHit }
	recall := func(p Point) Rate { return p.Recall }
	return []report.Plot{
		r.byThreshold("False hits per hit", x, perHit, r.worst()),
		r.byThreshold("Recall", x, recall, 1),
		r.tradeOff(),
	}
}

// worst is the largest share of false hits of any curve.
func (r *Result) worst() float64 {
	worst := 0.0
	for _, c := range r.namedCurves() {
		for _, p := range c.points {
			if p.PerHit.Known() {
				worst = max(worst, float64(p.PerHit))
			}
		}
	}
	return roundUp(worst)
}

// byThreshold draws what each curve has by its threshold: in steps on pairs, of which all thresholds are
// known, else from point to point.
func (r *Result) byThreshold(title string, x report.Scale, value func(Point) Rate, most float64) report.Plot {
	y := report.Up(0, most)
	p := report.Plot{Title: title, X: "threshold of the score", Y: title, XTicks: x.Ticks(5, decimal), YTicks: y.Ticks(4, percentTick)}
	for _, c := range r.namedCurves() {
		line := report.Line{Name: c.name, Class: c.class}
		from := x.Least
		for _, point := range c.points {
			v := value(point)
			if !v.Known() {
				continue
			}
			up := y.At(float64(v))
			if r.PairCounts != nil {
				line.Go(x.At(from), up)
			} else {
				line.Mark(x.At(point.Threshold), up, about(c, point))
			}
			line.Go(x.At(point.Threshold), up)
			from = point.Threshold
		}
		p.Lines = append(p.Lines, line)
	}
	return p
}

// about says what a point of a curve shows.
func about(c curve, p Point) string {
	return fmt.Sprintf("%s, score from %.2f: recall %s, false hits per hit %s", c.name, p.Threshold, percent(p.Recall), percent(p.PerHit))
}

// tradeOff draws false hits per hit by recall, one dot for each threshold.
func (r *Result) tradeOff() report.Plot {
	x, y := report.Across(0, 1), report.Up(0, r.worst())
	p := report.Plot{Title: "False hits per hit by recall", X: "recall", Y: "false hits per hit", XTicks: x.Ticks(5, percentTick), YTicks: y.Ticks(4, percentTick)}
	for _, c := range r.namedCurves() {
		line := report.Line{Name: c.name, Class: c.class}
		for _, point := range c.points {
			if !point.PerHit.Known() || !point.Recall.Known() {
				continue
			}
			at, up := x.At(float64(point.Recall)), y.At(float64(point.PerHit))
			line.Go(at, up)
			line.Mark(at, up, about(c, point))
		}
		p.Lines = append(p.Lines, line)
	}
	return p
}

func decimal(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%.2f", v), "0") }

func percentTick(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v*100), "0"), ".") + " %"
}
