package bench

import (
	"fmt"

	"github.com/kvasir-cache/kvasir/internal/eval"
)

// Limits are what a run has to keep. One that is not known holds nothing back.
type Limits struct {
	MinSaving    eval.Rate // of the total time
	MaxFalseHits eval.Rate // per hit
}

// Gate says whether limits were kept.
type Gate struct {
	MinSaving    eval.Rate `json:"min_saving"`
	MaxFalseHits eval.Rate `json:"max_false_hits_per_hit"`
	Passed       bool      `json:"passed"`
	Broken       []string  `json:"broken,omitempty"` // a sentence for each limit that is not kept
	Notes        []string  `json:"notes,omitempty"`  // a sentence for each that the data shows too little of
}

// Hold measures a report against limits. What counts is what was measured; where the interval or the bound goes
// past a limit, that is noted. A run of which requests failed, or that answered nothing, does not pass.
func (p *Report) Hold(l Limits) *Gate {
	g := &Gate{MinSaving: l.MinSaving, MaxFalseHits: l.MaxFalseHits}
	if p.Requests == 0 {
		g.breaks("no request was answered by both")
	}
	if p.Failures > 0 {
		g.breaks("%d requests failed, such as: %s", p.Failures, p.Failure)
	}
	if l.MinSaving.Known() && p.Requests > 0 {
		g.holdSaving(p)
	}
	if l.MaxFalseHits.Known() {
		g.holdFalseHits(p)
	}
	g.Passed = len(g.Broken) == 0
	p.Gate = g
	return g
}

func (g *Gate) breaks(format string, args ...any) {
	g.Broken = append(g.Broken, fmt.Sprintf(format, args...))
}

func (g *Gate) holdSaving(p *Report) {
	text := fmt.Sprintf("the cache saves %s of the time, between %s and %s by the 95 %% interval; the least is %s",
		p.Saving, p.SavingLow, p.SavingHigh, g.MinSaving)
	switch {
	case !(p.Saving >= g.MinSaving):
		g.Broken = append(g.Broken, text)
	case p.SavingLow < g.MinSaving:
		g.Notes = append(g.Notes, text+"; more requests would show whether it stays above")
	}
}

func (g *Gate) holdFalseHits(p *Report) {
	text := fmt.Sprintf("%d of %d hits are wrong, %s, and by the 95 %% upper bound up to %s; the limit is %s",
		p.FalseHits, p.Hits, p.PerHit, p.PerHitBound, g.MaxFalseHits)
	switch {
	case p.PerHit.Known() && p.PerHit > g.MaxFalseHits:
		g.Broken = append(g.Broken, text)
	case p.PerHitBound > g.MaxFalseHits:
		g.Notes = append(g.Notes, text+"; more requests would show whether it stays below")
	}
}
