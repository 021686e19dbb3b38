package conformance

import (
	"errors"
	"strings"

	"github.com/kvasir-cache/kvasir/hostapi"
)

var explainChecks = []check{
	{name: "explain: differences are where it says", role: hostapi.RoleScore, run: (*kit).explain},
}

func (k *kit) explain() string {
	explainer, ok := k.plugin.(hostapi.Explainer)
	if !ok {
		return "the plugin explains nothing"
	}
	for _, p := range pairs(k.texts) {
		for _, c := range p.candidates {
			e, err := explainer.Explain(k.ctx, p.query, c)
			if errors.Is(err, hostapi.ErrRole) {
				return "the plugin explains nothing"
			}
			if err != nil || e == nil {
				k.failf("%s and %s: got %v, error %v", quote(p.query), quote(c), e, err)
				continue
			}
			k.explanation(p.query, c, e)
		}
	}
	return ""
}

func (k *kit) explanation(query, candidate string, e *hostapi.Explanation) {
	if text, err := encode(e); err != nil {
		k.failf("%+v cannot be written as JSON: %v", e, err)
	} else if _, err := hostapi.DecodeExplanation(text); err != nil {
		k.failf("%s and %s: %v", quote(query), quote(candidate), err)
	}
	for _, d := range e.Differences {
		if !isAt(query, d.At[0], d.At[1], d.Query) || !isAt(candidate, d.At[2], d.At[3], d.Candidate) {
			k.failf("%s and %s: %q and %q are not at %v", quote(query), quote(candidate), d.Query, d.Candidate, d.At)
		}
	}
}

// isAt reports whether part lies in text between two places, whole or cut short with an ellipsis.
func isAt(text string, from, to int, part string) bool {
	if from < 0 || from > to || to > len(text) {
		return false
	}
	begin, cut := strings.CutSuffix(part, "…")
	return text[from:to] == part || cut && strings.HasPrefix(text[from:to], begin)
}
