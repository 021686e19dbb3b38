package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/kvasir-cache/kvasir/internal/report"
)

// WriteText writes the report for a person at a terminal.
func (p *Report) WriteText(w io.Writer) error {
	out := &report.Printer{W: w}
	out.Printf("%s\n%s\n\n", p.about(), p.Setup.about())
	p.printArms(out)
	out.Printf("\nsaved: %s of the time (95 %% interval %s to %s)\n", p.Saving, p.SavingLow, p.SavingHigh)
	out.Printf("wrong: %d of %d hits, %s (at most %s)\n", p.FalseHits, p.Hits, p.PerHit, p.PerHitBound)
	out.Printf("hits: %d exact, %d normalized, %d approx\n", p.Exact, p.Normalized, p.Approx)
	p.printCache(out)
	printParts(out, "kind", p.ByKind)
	printParts(out, "the cache", p.ByAction)
	p.printWrong(out)
	if p.Gate != nil {
		p.Gate.print(out)
	}
	return out.Err
}

// about says what was asked.
func (p *Report) about() string {
	text := fmt.Sprintf("%s: %d requests, %d answered from the cache, %d by the model", p.Data, p.Requests, p.Hits, p.Misses)
	if p.Bypassed > 0 {
		text += fmt.Sprintf(", %d past the cache", p.Bypassed)
	}
	if p.Unknown > 0 {
		text += fmt.Sprintf("; the group of %d is not known", p.Unknown)
	}
	if p.Failures > 0 {
		text += fmt.Sprintf("; %d failed and are left out, such as: %s", p.Failures, report.Plain(p.Failure))
	}
	if p.Interrupted {
		text += fmt.Sprintf("; interrupted, %d were to be asked", p.Planned)
	}
	return text
}

func (s Setup) about() string {
	limit := "answers of any length"
	if s.MaxTokens > 0 {
		limit = fmt.Sprintf("answers of up to %d tokens", s.MaxTokens)
	}
	return fmt.Sprintf("%s, %s; strategy %s, mode %s; kvasir %s on %s, %d processors",
		s.Model, limit, s.Strategy, s.Mode, cmp.Or(s.Version, "unknown"), s.Platform, s.Processors)
}

func (p *Report) printArms(out *report.Printer) {
	out.Table(func(t *report.Printer) {
		t.Printf("arm\ttotal\tmedian\tp95\tinferences\ttokens read\twritten\n")
		for _, a := range []struct {
			name string
			ArmTimes
		}{{"without the cache", p.Without}, {"with it", p.With}} {
			t.Printf("%s\t%s\t%s\t%s\t%d\t%d\t%d\n", a.name, duration(a.Total), duration(a.Median), duration(a.P95),
				a.Inferences, a.PromptTokens, a.AnswerTokens)
		}
	})
}

func (p *Report) printCache(out *report.Printer) {
	out.Printf("the cache took: %s in all; a hit %s (p95 %s), a miss %s (p95 %s) beside the model, %s of its time\n",
		duration(p.Cache.Total), duration(p.HitTime.Median), duration(p.HitTime.P95),
		duration(p.Overhead.Median), duration(p.Overhead.P95), p.OverheadShare)
}

func printParts(out *report.Printer, title string, parts []*Part) {
	out.Printf("\n")
	out.Table(func(t *report.Printer) {
		t.Printf("  %s\trequests\thits\twrong\tsaved\tmedian without\twith\tp95 without\twith\n", title)
		for _, k := range parts {
			t.Printf("  %s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%s\n", k.label(), k.Requests, k.Hits, k.FalseHits, k.Saving,
				duration(k.Without.Median), duration(k.With.Median), duration(k.Without.P95), duration(k.With.P95))
		}
	})
}

// label is the name as it is shown.
func (part *Part) label() string {
	return cmp.Or(report.Shorten(report.Plain(part.Name), 40), "(none)")
}

// textExamples is how many false hits the text shows.
const textExamples = 10

// wrong returns the false hits, at most n.
func (p *Report) wrong(n int) (wrong []Sample) {
	for _, s := range p.samples {
		if s.Wrong && len(wrong) < n {
			wrong = append(wrong, s)
		}
	}
	return slices.Clip(wrong)
}

func (p *Report) printWrong(out *report.Printer) {
	if p.FalseHits == 0 {
		return
	}
	shown := p.wrong(textExamples)
	out.Printf("\nfalse hits, %d of %d:\n", len(shown), p.FalseHits)
	for _, s := range shown {
		out.Printf("  line %d: %s\n    stored  %s\n    asked   %s\n", s.Asked.Line, report.Plain(s.Cached.Reason),
			report.Plain(s.Stored), report.Plain(s.Asked.Prompt))
	}
}

// verdict says in a word whether the limits were kept.
func (g *Gate) verdict() string {
	if g.Passed {
		return "passed"
	}
	return "not passed"
}

// limits names the limits.
func (g *Gate) limits() (text string) {
	if g.MinSaving.Known() {
		text = fmt.Sprintf("at least %s of the time saved", g.MinSaving)
	}
	if g.MaxFalseHits.Known() {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("at most %s false hits per hit", g.MaxFalseHits)
	}
	return text
}

func (g *Gate) print(out *report.Printer) {
	out.Printf("\ngate: %s: %s\n", g.limits(), g.verdict())
	for _, line := range slices.Concat(g.Broken, g.Notes) {
		out.Printf("  %s\n", line)
	}
}

// duration writes milliseconds with three digits or so, in a unit that suits.
func duration(ms float64) string {
	switch {
	case ms >= 100_000:
		return fmt.Sprintf("%.0f s", ms/1000)
	case ms >= 1000:
		return fmt.Sprintf("%.2f s", ms/1000)
	case ms >= 10:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.2f ms", ms)
}
