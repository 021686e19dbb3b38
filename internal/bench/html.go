package bench

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"sync"

	"github.com/kvasir-cache/kvasir/internal/report"
)

//go:embed page.html
var pageSource string

var page = sync.OnceValue(func() *template.Template {
	return report.Page(pageSource, template.FuncMap{"time": duration})
})

// pageExamples is how many false hits the page shows.
const pageExamples = 200

// WriteHTML writes the report as one page, which loads nothing from elsewhere.
func (p *Report) WriteHTML(w io.Writer) error {
	return page().Execute(w, struct {
		*Report
		About, Measured string
		Plots           []report.Plot
		Tables          []partTable
		Wrong           []Sample
	}{p, p.about(), p.Setup.about(), p.plots(), []partTable{{"kind", p.ByKind}, {"the cache", p.ByAction}}, p.wrong(pageExamples)})
}

// partTable is a table of parts of the requests.
type partTable struct {
	Title string
	Parts []*Part
}

// Label is the name of a part as the page shows it.
func (part *Part) Label() string { return part.label() }

// Limits and Verdict say what the gate held, and whether it passed.
func (g *Gate) Limits() string  { return g.limits() }
func (g *Gate) Verdict() string { return g.verdict() }

// plots returns the charts, none if nothing was measured.
func (p *Report) plots() []report.Plot {
	if p.Requests == 0 {
		return nil
	}
	return []report.Plot{
		p.cumulated(),
		bars("Time of a request by its kind, median", "kind, as the stream names it", p.ByKind),
		bars("Time of a request by what the cache did, median", "what the cache did", p.ByAction),
	}
}

// plotPoints is about how many points a line has.
const plotPoints = 400

// cumulated draws the time that all requests up to each took together.
func (p *Report) cumulated() report.Plot {
	x := report.Across(0, float64(p.Requests))
	y := report.Up(0, report.RoundUp(max(p.Without.Total, p.With.Total, 1)/1000))
	without, with := report.Line{Name: "without the cache", Class: report.First}, report.Line{Name: "with the cache", Class: report.Second}
	without.Go(x.At(0), y.At(0))
	with.Go(x.At(0), y.At(0))
	step := max(1, p.Requests/plotPoints)
	var a, b float64
	for i := range p.samples {
		a, b = a+p.samples[i].Without.Seconds(), b+p.samples[i].With.Seconds()
		if n := i + 1; n%step == 0 || n == p.Requests {
			without.Go(x.At(float64(n)), y.At(a))
			with.Go(x.At(float64(n)), y.At(b))
		}
	}
	whole := func(v float64) string { return fmt.Sprintf("%.0f", v) }
	return report.Plot{Title: "Time of all requests so far", X: "requests", Lines: []report.Line{without, with},
		Y: "time", XTicks: x.Ticks(min(5, p.Requests), whole), YTicks: y.Ticks(4, timeTick)}
}

// maxBars is how many parts are drawn; the table has all.
const maxBars = 6

// bars draws the medians of parts, without the cache and with it.
func bars(title, x string, parts []*Part) report.Plot {
	parts = parts[:min(len(parts), maxBars)]
	most := 0.001
	for _, k := range parts {
		most = max(most, k.Without.Median, k.With.Median)
	}
	across, up := report.Across(0, float64(len(parts))), report.Up(0, report.RoundUp(most/1000))
	width := (report.Right - report.Left) / float64(len(parts)) * 0.3
	p := report.Plot{Title: title, X: x, Y: "time", YTicks: up.Ticks(4, timeTick)}
	for i, k := range parts {
		middle := float64(i) + 0.5
		about := func(arm string, s Spent) string {
			return fmt.Sprintf("%s, %s: median %s, p95 %s", k.label(), arm, duration(s.Median), duration(s.P95))
		}
		p.XTicks = append(p.XTicks, across.Tick(middle, report.Shorten(k.label(), 12)))
		p.Bars = append(p.Bars,
			report.NewBar(report.First, across.At(middle)-width/2, up.At(k.Without.Median/1000), width, about("without the cache", k.Without)),
			report.NewBar(report.Second, across.At(middle)+width/2, up.At(k.With.Median/1000), width, about("with it", k.With)))
	}
	return p
}

// timeTick labels a tick at some seconds.
func timeTick(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 1:
		return fmt.Sprintf("%.3g ms", v*1000)
	}
	return strconv.FormatFloat(v, 'f', -1, 64) + " s"
}
