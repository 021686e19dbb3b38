package eval

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/kvasir-cache/kvasir/internal/report"
)

// WriteText writes the report for a person at a terminal.
func (r *Report) WriteText(w io.Writer) error {
	out := &report.Printer{W: w}
	out.Printf("%s: %s\n\n", r.Data, r.about())
	out.Table(func(t *report.Printer) {
		t.Printf("strategy\thits\tright\trecall\tfalse\tper hit\tat most\tper %s\tat most\n", r.judgedName())
		for _, s := range r.Strategies {
			_, _, seen, bound := s.judged()
			t.Printf("%s\t%d\t%d\t%s\t%d\t%s\t%s\t%s\t%s\n", s.Name, s.Served, s.Served-s.FalseHits, percent(s.Recall),
				s.FalseHits, percent(s.PerHit), percent(s.PerHitBound), percent(seen), percent(bound))
		}
	})
	out.Printf("\nfalse: false hits; at most: 95 %% upper bound\n")
	for _, s := range r.Strategies {
		s.print(out)
	}
	if r.Gate != nil {
		r.Gate.print(out)
	}
	return out.Err
}

// about says what the data holds.
func (r *Report) about() string {
	if len(r.Strategies) == 0 {
		return "nothing was evaluated"
	}
	s := r.Strategies[0]
	if s.PairCounts != nil {
		return fmt.Sprintf("%d pairs, %d the same and %d different", s.Pairs, s.Same, s.Different)
	}
	text := fmt.Sprintf("%d requests, %d of which could be answered from memory", s.Requests, s.IdealHits)
	if s.Unknown > 0 {
		text += fmt.Sprintf("; the group of %d is not known", s.Unknown)
	}
	return text
}

func (r *Report) judgedName() string {
	if len(r.Strategies) == 0 {
		return "request"
	}
	_, name, _, _ := r.Strategies[0].judged()
	return name
}

const textExamples = 10

func (r *Result) print(out *report.Printer) {
	out.Printf("\nstrategy %s\n\n", r.Name)
	if r.StreamCounts != nil {
		out.Printf("  hits: %d exact, %d normalized, %d approx\n", r.Exact, r.Normalized, r.Approx)
	}
	out.Printf("  distinct wrong pairs: %d\n", r.DistinctWrongPairs)
	if r.Failures > 0 {
		out.Printf("  %d could not be judged and count as not served, such as: %s\n", r.Failures, r.Failure)
	}
	out.Printf("\n")
	out.Table(func(t *report.Printer) { r.printKinds(t) })
	if len(r.Curves.Score) > 0 {
		out.Printf("\n")
		out.Table(func(t *report.Printer) { r.printCurves(t) })
	}
	printExamples(out, "false hits", r.Wrong, r.FalseHits)
	printExamples(out, "missed", r.Missed, r.missed)
}

// kinds returns the names of the kinds in their order.
func (r *Result) kinds() []string { return slices.Sorted(maps.Keys(r.ByKind)) }

func (r *Result) printKinds(t *report.Printer) {
	if r.PairCounts != nil {
		t.Printf("  kind\tpairs\tsame\tright\tdifferent\tfalse\n")
	} else {
		t.Printf("  kind\trequests\tcould\tright\tfalse\n")
	}
	for _, name := range r.kinds() {
		k := r.ByKind[name]
		name = cmp.Or(report.Shorten(name, 40), "(none)")
		if k.PairKind != nil {
			t.Printf("  %s\t%d\t%d\t%d\t%d\t%d\n", name, k.Pairs, k.Same, k.Kept, k.Different, k.FalseHits)
		} else {
			t.Printf("  %s\t%d\t%d\t%d\t%d\n", name, k.Requests, k.IdealHits, k.Kept, k.FalseHits)
		}
	}
}

// textThresholds are the thresholds of which the text shows what they would do.
var textThresholds = []float64{0, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1}

func (r *Result) printCurves(t *report.Printer) {
	guarded := r.Curves.Guard != nil
	t.Printf("  score from\trecall\tfalse\tper hit")
	if guarded {
		t.Printf("\twith guard: recall\tfalse\tper hit")
	}
	t.Printf("\n")
	for _, threshold := range textThresholds {
		p, ok := r.at(r.Curves.Score, threshold)
		if !ok {
			continue
		}
		t.Printf("  %.2f\t%s\t%d\t%s", threshold, percent(p.Recall), p.FalseHits, percent(p.PerHit))
		if guarded {
			p, _ := r.at(r.Curves.Guard, threshold)
			t.Printf("\t%s\t%d\t%s", percent(p.Recall), p.FalseHits, percent(p.PerHit))
		}
		t.Printf("\n")
	}
}

func printExamples(out *report.Printer, name string, all []Example, count int) {
	if count == 0 {
		return
	}
	shown := min(len(all), textExamples)
	out.Printf("\n  %s, %d of %d:\n", name, shown, count)
	for _, e := range all[:shown] {
		out.Printf("    line %d: %s\n      stored  %s\n      asked   %s\n", e.Line, report.Plain(e.Why), report.Plain(e.Stored), report.Plain(e.Asked))
	}
}

func (g *Gate) print(out *report.Printer) {
	out.Printf("\n")
	verdict := "passed"
	if !g.Passed {
		verdict = "not passed"
	}
	out.Printf("gate: at most %s false hits per hit: %s\n", percent(g.Max), verdict)
	for _, line := range slices.Concat(g.Broken, g.Notes) {
		out.Printf("  %s\n", line)
	}
}
