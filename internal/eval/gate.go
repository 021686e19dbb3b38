package eval

import (
	"fmt"
	"strconv"
	"strings"
)

// Gate is a limit on false hits that strategies have to keep.
type Gate struct {
	Max    Rate     `json:"max_false_hits_per_hit"`
	Passed bool     `json:"passed"`
	Broken []string `json:"broken,omitempty"` // a sentence for each strategy that does not keep it
	Notes  []string `json:"notes,omitempty"`  // a sentence for each strategy of which the data shows too little
}

// ParseLimit reads a share such as 1% or 0.01.
func ParseLimit(text string) (Rate, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	value, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		value /= 100
	}
	if err != nil || !(value >= 0 && value <= 1) {
		return 0, fmt.Errorf("found %q, want a share between 0%% and 100%%, such as 1%% or 0.01", text)
	}
	return Rate(value), nil
}

// Hold measures the strategies of a report against a limit on false hits per hit. What counts is what was
// measured; a bound above the limit is noted. A strategy of which something could not be judged does not
// pass, since what is not served is never wrong.
func (r *Report) Hold(most Rate) *Gate {
	g := &Gate{Max: most}
	for _, s := range r.Strategies {
		switch {
		case s.Failures > 0:
			g.Broken = append(g.Broken, fmt.Sprintf("strategy %q: %d could not be judged, such as: %s", s.Name, s.Failures, s.Failure))
		case s.PerHit.Known() && s.PerHit > most:
			g.Broken = append(g.Broken, fmt.Sprintf("strategy %q: %s", s.Name, s.against(most)))
		case s.PerHitBound > most:
			g.Notes = append(g.Notes, fmt.Sprintf("strategy %q: %s; more data would show whether it stays below", s.Name, s.against(most)))
		}
	}
	g.Passed = len(g.Broken) == 0
	r.Gate = g
	return g
}

// against says both what was measured and how much it may be in truth.
func (r *Result) against(most Rate) string {
	return fmt.Sprintf("%d of %d hits are wrong, %s, and by the 95 %% upper bound up to %s; the limit is %s",
		r.FalseHits, r.Served, percent(r.PerHit), percent(r.PerHitBound), percent(most))
}

func percent(r Rate) string { return r.String() }

// String writes a share in percent with two digits after the point, and one that is not known as a dash.
func (r Rate) String() string {
	if !r.Known() {
		return "–"
	}
	return strconv.FormatFloat(float64(r)*100, 'f', 2, 64) + " %"
}
