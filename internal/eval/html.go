package eval

import (
	_ "embed"
	"html/template"
	"io"
	"strconv"
	"sync"

	"github.com/kvasir-cache/kvasir/internal/report"
)

//go:embed page.html
var pageSource string

// page is parsed when it is first written, not at every start of the program.
var page = sync.OnceValue(func() *template.Template {
	return report.Page(pageSource, template.FuncMap{
		"percent": percent,
		"score":   scoreText,
		"kind":    func(r *Result, name string) *Kind { return r.ByKind[name] },
		"share":   RateOf,
		"width":   func(r Rate) string { return strconv.FormatFloat(float64(known(r))*100, 'f', 1, 64) },
	})
})

// pageResult is a result as the page shows it.
type pageResult struct {
	*Result
	Right, Could   int
	JudgedName     string
	PerJudged      Rate
	PerJudgedBound Rate
	IsPairs        bool
	Kinds          []string
	Plots          []report.Plot
	Wrong, Missed  examples
}

// examples are some of the cases of a kind.
type examples struct {
	Shown []Example
	Count int
}

// WriteHTML writes the report as one page, which loads nothing from elsewhere.
func (r *Report) WriteHTML(w io.Writer) error {
	data := struct {
		*Report
		About   string
		Results []pageResult
	}{Report: r, About: r.about()}
	for _, s := range r.Strategies {
		p := pageResult{Result: s, Right: s.Served - s.FalseHits, Could: s.could(), IsPairs: s.PairCounts != nil,
			Kinds: s.kinds(), Plots: s.plots(), Wrong: examples{s.Wrong, s.FalseHits}, Missed: examples{s.Missed, s.missed}}
		_, p.JudgedName, p.PerJudged, p.PerJudgedBound = s.judged()
		data.Results = append(data.Results, p)
	}
	return page().Execute(w, data)
}

func known(r Rate) Rate {
	if !r.Known() {
		return 0
	}
	return r
}

func scoreText(r Rate) string {
	if !r.Known() {
		return "–"
	}
	return strconv.FormatFloat(float64(r), 'f', 2, 64)
}
