package eval

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// WriteText writes the report for a person at a terminal.
func (r *Report) WriteText(w io.Writer) error {
	out := &printer{w: w}
	out.printf("%s: %s\n\n", r.Data, r.about())
	out.table(func(t *printer) {
		t.printf("strategy\thits\tright\trecall\tfalse\tper hit\tat most\tper %s\tat most\n", r.judgedName())
		for _, s := range r.Strategies {
			_, _, seen, bound := s.judged()
			t.printf("%s\t%d\t%d\t%s\t%d\t%s\t%s\t%s\t%s\n", s.Name, s.Served, s.Served-s.FalseHits, percent(s.Recall),
				s.FalseHits, percent(s.PerHit), percent(s.PerHitBound), percent(seen), percent(bound))
		}
	})
	out.printf("\nfalse: false hits; at most: 95 %% upper bound\n")
	for _, s := range r.Strategies {
		s.print(out)
	}
	if r.Gate != nil {
		r.Gate.print(out)
	}
	return out.err
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

const (
	textExamples = 10
	textWidth    = 100
)

func (r *Result) print(out *printer) {
	out.printf("\nstrategy %s\n\n", r.Name)
	if r.StreamCounts != nil {
		out.printf("  hits: %d exact, %d normalized, %d approx\n", r.Exact, r.Normalized, r.Approx)
	}
	out.printf("  distinct wrong pairs: %d\n", r.DistinctWrongPairs)
	if r.Failures > 0 {
		out.printf("  %d could not be judged and count as not served, such as: %s\n", r.Failures, r.Failure)
	}
	out.printf("\n")
	out.table(func(t *printer) { r.printKinds(t) })
	if len(r.Curves.Score) > 0 {
		out.printf("\n")
		out.table(func(t *printer) { r.printCurves(t) })
	}
	printExamples(out, "false hits", r.Wrong, r.FalseHits)
	printExamples(out, "missed", r.Missed, r.missed)
}

// kinds returns the names of the kinds in their order.
func (r *Result) kinds() []string { return slices.Sorted(maps.Keys(r.ByKind)) }

func (r *Result) printKinds(t *printer) {
	if r.PairCounts != nil {
		t.printf("  kind\tpairs\tsame\tright\tdifferent\tfalse\n")
	} else {
		t.printf("  kind\trequests\tcould\tright\tfalse\n")
	}
	for _, name := range r.kinds() {
		k := r.ByKind[name]
		name = cmp.Or(shorten(name, 40), "(none)")
		if k.PairKind != nil {
			t.printf("  %s\t%d\t%d\t%d\t%d\t%d\n", name, k.Pairs, k.Same, k.Kept, k.Different, k.FalseHits)
		} else {
			t.printf("  %s\t%d\t%d\t%d\t%d\n", name, k.Requests, k.IdealHits, k.Kept, k.FalseHits)
		}
	}
}

// textThresholds are the thresholds of which the text shows what they would do.
var textThresholds = []float64{0, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1}

func (r *Result) printCurves(t *printer) {
	guarded := r.Curves.Guard != nil
	t.printf("  score from\trecall\tfalse\tper hit")
	if guarded {
		t.printf("\twith guard: recall\tfalse\tper hit")
	}
	t.printf("\n")
	for _, threshold := range textThresholds {
		p, ok := r.at(r.Curves.Score, threshold)
		if !ok {
			continue
		}
		t.printf("  %.2f\t%s\t%d\t%s", threshold, percent(p.Recall), p.FalseHits, percent(p.PerHit))
		if guarded {
			p, _ := r.at(r.Curves.Guard, threshold)
			t.printf("\t%s\t%d\t%s", percent(p.Recall), p.FalseHits, percent(p.PerHit))
		}
		t.printf("\n")
	}
}

func printExamples(out *printer, name string, all []Example, count int) {
	if count == 0 {
		return
	}
	shown := min(len(all), textExamples)
	out.printf("\n  %s, %d of %d:\n", name, shown, count)
	for _, e := range all[:shown] {
		out.printf("    line %d: %s\n      stored  %s\n      asked   %s\n", e.Line, plain(e.Why), plain(e.Stored), plain(e.Asked))
	}
}

// plain makes a text one short line without control characters.
func plain(text string) string {
	text = strings.Join(strings.Fields(shorten(text, 4*textWidth)), " ")
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '\ufffd'
		}
		return r
	}, text)
	return shorten(text, textWidth)
}

func (g *Gate) print(out *printer) {
	out.printf("\n")
	verdict := "passed"
	if !g.Passed {
		verdict = "not passed"
	}
	out.printf("gate: at most %s false hits per hit: %s\n", percent(g.Max), verdict)
	for _, line := range slices.Concat(g.Broken, g.Notes) {
		out.printf("  %s\n", line)
	}
}

// printer keeps the first error of writing.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// table aligns the columns of what f prints.
func (p *printer) table(f func(t *printer)) {
	t := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0)
	f(&printer{w: t})
	if err := t.Flush(); p.err == nil {
		p.err = err
	}
}
