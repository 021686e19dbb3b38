package bench

import (
	"cmp"
	"fmt"
	"io"

	"github.com/kvasir-cache/kvasir/internal/report"
)

// WriteText writes the report for a person at a terminal.
func (p *ResumeReport) WriteText(w io.Writer) error {
	out := &report.Printer{W: w}
	out.Printf("%s\n%s\n\n", p.about(), p.measured())
	out.Table(func(t *report.Printer) {
		t.Printf("tokens\trestored\tcold\tresumed\tcold/resumed\tleast\trestore\tread the rest\tstate\ta token\n")
		for _, r := range p.Rows {
			t.Printf("%d\t%d\t%s\t%s\t%.1f\t%.1f\t%s\t%s\t%s\t%.0f B\n", r.Tokens, r.Restored, duration(r.Cold), duration(r.Resumed),
				r.Ratio, r.LeastRatio, duration(r.Restore), duration(r.Tail), size(r.Bytes), r.PerToken)
		}
	})
	if p.Server == "" {
		return out.Err
	}
	out.Printf("\n%s, the same prompts with the file of a slot; above 1 kvasir is faster\n", report.Plain(p.Server))
	out.Table(func(t *report.Printer) {
		t.Printf("tokens\tcold\tresumed\trestore\tstate\tresumed, by kvasir's\tprefill, by kvasir's\n")
		for _, r := range p.Rows {
			if s := r.Slot; s != nil {
				t.Printf("%d\t%s\t%s\t%s\t%s\t%.2f\t%.2f\n", r.Tokens, duration(s.Cold), duration(s.Resumed), duration(s.Restore), size(s.Bytes),
					s.ResumedRatio, s.PrefillRatio)
			}
		}
	})
	return out.Err
}

// about says what was asked.
func (p *ResumeReport) about() string {
	text := fmt.Sprintf("%s: time to the first token of prompts that share all but %d tokens with an earlier one, medians of %d rounds",
		p.Model, p.Tail, p.Rounds)
	if p.Interrupted {
		text += "; interrupted"
		for _, r := range p.Rows {
			text += fmt.Sprintf(", %d of %d tokens", r.Rounds, r.Tokens)
		}
	}
	return text
}

func (s *ResumeSetup) measured() string {
	flash := "off"
	if s.FlashAttention {
		flash = "on"
	}
	return fmt.Sprintf("context %d, %d threads, KV %s, flash attention %s, %d bytes of state a token; kvasir %s on %s, %d processors",
		s.Context, s.Threads, s.KVType, flash, s.TokenBytes, cmp.Or(s.Version, "unknown"), s.Platform, s.Processors)
}

// size writes bytes in a unit that suits.
func size(bytes int64) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%.0f KiB", float64(bytes)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
}
