package bench

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"sync"

	"github.com/kvasir-cache/kvasir/internal/report"
)

//go:embed resume.html
var resumePageSource string

var resumePage = sync.OnceValue(func() *template.Template {
	return report.Page(resumePageSource, template.FuncMap{"time": duration, "size": size})
})

// WriteHTML writes the report as one page, which loads nothing from elsewhere.
func (p *ResumeReport) WriteHTML(w io.Writer) error {
	return resumePage().Execute(w, struct {
		*ResumeReport
		About, Measured string
		Plots           []resumePlot
	}{p, p.about(), p.measured(), p.plots()})
}

// resumePlot is a plot of two lines, with their names.
type resumePlot struct {
	report.Plot
	First, Second string
}

// plots returns the charts, none if nothing was measured.
func (p *ResumeReport) plots() []resumePlot {
	if len(p.Rows) == 0 {
		return nil
	}
	cold := func(r *ResumeRow) float64 { return r.Cold }
	resumed := func(r *ResumeRow) float64 { return r.Resumed }
	plots := []resumePlot{p.plot("Time to the first token", "cold", "resumed", cold, resumed)}
	if p.Rows[0].Slot != nil {
		slot := func(r *ResumeRow) float64 { return r.SlotMillis }
		plots = append(plots, p.plot("Resumed by llama-server and by kvasir", "llama-server", "kvasir", slot, resumed))
	}
	return plots
}

// plot draws two times over the lengths. Both axes are logarithmic.
func (p *ResumeReport) plot(title, first, second string, a, b func(*ResumeRow) float64) resumePlot {
	least, most := math.Inf(1), math.Inf(-1)
	for _, r := range p.Rows {
		least, most = min(least, a(r), b(r)), max(most, a(r), b(r))
	}
	across := report.Across(-0.5, float64(len(p.Rows))-0.5)
	low, high := decade(least, math.Floor), decade(most, math.Ceil)
	up := report.Up(low, max(high, low+1))
	lines := []report.Line{{Name: first, Class: report.First}, {Name: second, Class: report.Second}}
	plot := report.Plot{Title: title, X: "tokens shared with an earlier prompt", Y: "time",
		YTicks: up.Ticks(int(up.Most-up.Least), func(v float64) string { return timeTick(math.Pow(10, v) / 1000) })}
	for i, r := range p.Rows {
		for k, of := range []func(*ResumeRow) float64{a, b} {
			x, y := across.At(float64(i)), up.At(math.Log10(max(of(r), 1e-3)))
			lines[k].Go(x, y)
			lines[k].Mark(x, y, fmt.Sprintf("%s, %d tokens: %s", lines[k].Name, r.Tokens, duration(of(r))))
		}
		plot.XTicks = append(plot.XTicks, across.Tick(float64(i), fmt.Sprint(r.Tokens)))
	}
	plot.Lines = lines
	return resumePlot{plot, first, second}
}

// decade returns the power of ten beside some milliseconds.
func decade(ms float64, round func(float64) float64) float64 { return round(math.Log10(max(ms, 1e-3))) }
