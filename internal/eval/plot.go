package eval

import (
	"fmt"
	"math"
	"strings"
)

// plot is a chart of lines, in the coordinates of its SVG.
type plot struct {
	Title, X, Y string
	Lines       []plotLine
	XTicks      []tick
	YTicks      []tick
}

type plotLine struct {
	Name  string
	Class string // its colour
	Path  string
	Dots  []dot
}

type tick struct {
	At    string // coordinate
	Label string
}

type dot struct{ X, Y, Title string }

// Places in the SVG: the view is 460 by 260, the lines are inside these edges.
const (
	plotLeft, plotRight = 52.0, 436.0
	plotTop, plotBottom = 12.0, 216.0
)

// scale maps values to coordinates.
type scale struct{ least, most, from, to float64 }

func (s scale) at(v float64) float64 {
	return s.from + (min(max(v, s.least), s.most)-s.least)/(s.most-s.least)*(s.to-s.from)
}

func (s scale) ticks(n int, label func(v float64) string) (ticks []tick) {
	for i := range n + 1 {
		v := s.least + (s.most-s.least)*float64(i)/float64(n)
		ticks = append(ticks, tick{coordinate(s.at(v)), label(v)})
	}
	return ticks
}

func coordinate(v float64) string { return fmt.Sprintf("%.1f", v) }

// roundUp returns the next number of 1, 2 or 5 times a power of ten, at most 1. At least 1 % is shown.
func roundUp(v float64) float64 {
	v = max(v, 0.01)
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, step := range []float64{1, 2, 5, 10} {
		if v <= step*power*(1+1e-9) {
			return min(step*power, 1)
		}
	}
	return 1
}

// curve is a curve of a result, with its name and colour.
type curve struct {
	name, class string
	points      []Point
}

func (r *Result) namedCurves() []curve {
	curves := []curve{{"score alone", "alone", r.Curves.Score}}
	if r.Curves.Guard != nil {
		curves = append(curves, curve{"with the guard", "guard", r.Curves.Guard})
	}
	return curves
}

// plots returns the charts of a strategy, none if it has no curves.
func (r *Result) plots() []plot {
	if len(r.Curves.Score) == 0 {
		return nil
	}
	x := scale{0, 1, plotLeft, plotRight}
	if r.StreamCounts != nil {
		x.least = min(r.Curves.Score[0].Threshold, 0.5)
	}
	perHit := func(p Point) Rate { return p.PerHit }
	recall := func(p Point) Rate { return p.Recall }
	return []plot{
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
func (r *Result) byThreshold(title string, x scale, value func(Point) Rate, most float64) plot {
	y := scale{0, most, plotBottom, plotTop}
	p := plot{Title: title, X: "threshold of the score", Y: title, XTicks: x.ticks(5, decimal), YTicks: y.ticks(4, percentTick)}
	for _, c := range r.namedCurves() {
		line := plotLine{Name: c.name, Class: c.class}
		from := x.least
		for _, point := range c.points {
			v := value(point)
			if !v.Known() {
				continue
			}
			up := y.at(float64(v))
			if r.PairCounts != nil {
				line.Path += segment(line.Path, x.at(from), up)
			} else {
				line.Dots = append(line.Dots, r.dot(c, point, x.at(point.Threshold), up))
			}
			line.Path += segment(line.Path, x.at(point.Threshold), up)
			from = point.Threshold
		}
		p.Lines = append(p.Lines, line)
	}
	return p
}

func (r *Result) dot(c curve, p Point, x, y float64) dot {
	return dot{coordinate(x), coordinate(y), fmt.Sprintf("%s, score from %.2f: recall %s, false hits per hit %s",
		c.name, p.Threshold, percent(p.Recall), percent(p.PerHit))}
}

// tradeOff draws false hits per hit by recall, one dot for each threshold.
func (r *Result) tradeOff() plot {
	x, y := scale{0, 1, plotLeft, plotRight}, scale{0, r.worst(), plotBottom, plotTop}
	p := plot{Title: "False hits per hit by recall", X: "recall", Y: "false hits per hit", XTicks: x.ticks(5, percentTick), YTicks: y.ticks(4, percentTick)}
	for _, c := range r.namedCurves() {
		line := plotLine{Name: c.name, Class: c.class}
		for _, point := range c.points {
			if !point.PerHit.Known() || !point.Recall.Known() {
				continue
			}
			at, up := x.at(float64(point.Recall)), y.at(float64(point.PerHit))
			line.Path += segment(line.Path, at, up)
			line.Dots = append(line.Dots, r.dot(c, point, at, up))
		}
		p.Lines = append(p.Lines, line)
	}
	return p
}

// segment goes on from a path to a point, or begins there.
func segment(path string, x, y float64) string {
	verb := " L"
	if path == "" {
		verb = "M"
	}
	return verb + coordinate(x) + " " + coordinate(y)
}

func decimal(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%.2f", v), "0") }

func percentTick(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v*100), "0"), ".") + " %"
}
