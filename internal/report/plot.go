package report

import (
	"fmt"
	"math"
)

// Plot is a chart of lines and bars, in the coordinates of its SVG. The template "plot" draws it.
type Plot struct {
	Title, X, Y string
	Lines       []Line
	Bars        []Bar
	XTicks      []Tick
	YTicks      []Tick
}

// Colours of lines and bars.
const (
	First  = "first"
	Second = "second"
)

// Line is a line of a plot, its points marked by dots if there are any.
type Line struct {
	Name  string
	Class string // its colour
	Path  string
	Dots  []Dot
}

// Go goes on with a line to a point, or begins it there.
func (l *Line) Go(x, y float64) {
	verb := " L"
	if l.Path == "" {
		verb = "M"
	}
	l.Path += verb + coordinate(x) + " " + coordinate(y)
}

// Mark puts a dot at a point.
func (l *Line) Mark(x, y float64, title string) {
	l.Dots = append(l.Dots, Dot{coordinate(x), coordinate(y), title})
}

// Tick is a labelled place on an axis.
type Tick struct {
	At    string // coordinate
	Label string
}

// Dot marks a point.
type Dot struct{ X, Y, Title string }

// Bar is a bar from the x axis up.
type Bar struct{ Class, X, Y, Width, Height, Title string }

// NewBar returns a bar that is centred at x and ends at y.
func NewBar(class string, x, y, width float64, title string) Bar {
	return Bar{class, coordinate(x - width/2), coordinate(y), coordinate(width), coordinate(Bottom - y), title}
}

// Places in the SVG: the view is 460 by 260, what is drawn is inside these edges.
const (
	Left, Right = 52.0, 436.0
	Top, Bottom = 12.0, 216.0
)

// Scale maps values to coordinates.
type Scale struct{ Least, Most, From, To float64 }

// Across is the scale of an x axis, Up that of a y axis.
func Across(least, most float64) Scale { return Scale{least, most, Left, Right} }
func Up(least, most float64) Scale     { return Scale{least, most, Bottom, Top} }

// At returns the coordinate of a value; what is outside ends at the edge.
func (s Scale) At(v float64) float64 {
	return s.From + (min(max(v, s.Least), s.Most)-s.Least)/(s.Most-s.Least)*(s.To-s.From)
}

// Ticks divides the scale into n equal parts.
func (s Scale) Ticks(n int, label func(v float64) string) (ticks []Tick) {
	for i := range n + 1 {
		v := s.Least + (s.Most-s.Least)*float64(i)/float64(n)
		ticks = append(ticks, s.Tick(v, label(v)))
	}
	return ticks
}

// Tick labels one place.
func (s Scale) Tick(v float64, label string) Tick { return Tick{coordinate(s.At(v)), label} }

func coordinate(v float64) string { return fmt.Sprintf("%.1f", v) }

// RoundUp returns the next number of 1, 2 or 5 times a power of ten, for the end of an axis. v is above 0.
func RoundUp(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, step := range []float64{1, 2, 5} {
		if v <= step*power*(1+1e-9) {
			return step * power
		}
	}
	return 10 * power
}
