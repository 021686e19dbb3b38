package conformance

import (
	"math"
	"slices"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/hostapi"
)

var scoreChecks = []check{
	{name: "score: no candidate has no score", role: hostapi.RoleScore, run: always((*kit).scoreNone)},
	{name: "score: every score is from 0 to 1", role: hostapi.RoleScore, run: always((*kit).scoreRange)},
	{name: "score: a text is like itself", role: hostapi.RoleScore, run: always((*kit).scoreIdentity)},
	{name: "score: a score depends on query and candidate alone", role: hostapi.RoleScore, run: always((*kit).scoreAlone)},
	{name: "score: either order gives the same score", role: hostapi.RoleScore, run: (*kit).scoreSymmetric},
	{name: "score: another instance says the same", role: hostapi.RoleScore, run: (*kit).scoreOther},
	{name: "score: 1 MiB is no harm", role: hostapi.RoleScore, run: always((*kit).scoreLarge)},
	{name: "score: what is no UTF-8 is refused", role: hostapi.RoleScore, run: always((*kit).scoreBroken), host: true},
}

// scores returns the scores of candidates, or notes what is wrong with them.
func (k *kit) scores(p hostapi.Plugin, query string, candidates []string) ([]float32, bool) {
	scores, err := p.Score(k.ctx, query, candidates)
	if err == nil {
		err = hostapi.CheckScores(scores, len(candidates))
	}
	if err != nil {
		k.failf("%s and %d candidates, the first %s: got error %v", quote(query), len(candidates), quote(first(candidates)), err)
		return nil, false
	}
	return scores, true
}

func invalid(text string) bool { return !utf8.ValidString(text) }

func (k *kit) scoreNone() {
	k.scores(k.plugin, "", nil)
	k.scores(k.plugin, "What is the capital of Niger?", nil)
}

func (k *kit) scoreRange() {
	k.scores(k.plugin, "", append([]string{""}, k.texts...))
	for _, p := range pairs(k.texts) {
		k.scores(k.plugin, p.query, p.candidates)
	}
	k.scores(k.plugin, "What is the capital of Niger?", many(k.texts))
}

func (k *kit) scoreIdentity() {
	for _, text := range k.texts {
		if s, ok := k.scores(k.plugin, text, []string{text}); ok && !near(s[0], 1) {
			k.failf("%s and itself: got %v, want 1", quote(text), s[0])
		}
	}
}

// tolerance is for scores that are computed in another order or precision.
const tolerance = 1e-6

func near(a, b float32) bool { return math.Abs(float64(a)-float64(b)) <= tolerance }

// scoreAlone compares candidates scored together, in reverse and one by one: the host puts them together
// as it likes.
func (k *kit) scoreAlone() {
	for _, p := range pairs(k.texts) {
		together, ok := k.scores(k.plugin, p.query, p.candidates)
		reversed := slices.Clone(p.candidates)
		slices.Reverse(reversed)
		backwards, too := k.scores(k.plugin, p.query, reversed)
		if !ok || !too {
			continue
		}
		for i, c := range p.candidates {
			if b := backwards[len(backwards)-1-i]; b != together[i] {
				k.failf("%s and %s: got %v, and in reverse order %v", quote(p.query), quote(c), together[i], b)
			}
			if alone, ok := k.scores(k.plugin, p.query, []string{c}); ok && alone[0] != together[i] {
				k.failf("%s and %s: got %v among others, and alone %v", quote(p.query), quote(c), together[i], alone[0])
			}
		}
	}
}

func (k *kit) scoreSymmetric() string {
	if !k.options.Symmetric {
		return "the scorer does not claim it"
	}
	for _, p := range pairs(k.texts) {
		there, ok := k.scores(k.plugin, p.query, p.candidates)
		for i := 0; ok && i < len(there); i++ {
			back, ok := k.scores(k.plugin, p.candidates[i], []string{p.query})
			if ok && !near(back[0], there[i]) {
				k.failf("%s and %s: got %v, and the other way round %v", quote(p.query), quote(p.candidates[i]), there[i], back[0])
			}
		}
	}
	return ""
}

func (k *kit) scoreOther() string {
	return k.withOther(func(other hostapi.Plugin) {
		for _, p := range pairs(k.texts) {
			a, ok := k.scores(k.plugin, p.query, p.candidates)
			b, too := k.scores(other, p.query, p.candidates)
			if ok && too && !slices.Equal(a, b) {
				k.failf("%s: one instance says %v, another %v", quote(p.query), a, b)
			}
		}
	})
}

func (k *kit) scoreLarge() {
	small := "What is the capital of Niger?"
	before, _ := k.scores(k.plugin, small, []string{"What is the capital of Mali?"})
	for _, text := range large() {
		for _, p := range []pair{{text, []string{text}}, {small, []string{text, small}}} {
			scores, err := k.plugin.Score(k.ctx, p.query, p.candidates)
			if tired(err) {
				continue
			}
			if err == nil {
				err = hostapi.CheckScores(scores, len(p.candidates))
			}
			if err != nil {
				k.failf("%s and %s: got error %v, want a score, ErrBudget or ErrFailed", quote(p.query), quote(text), err)
			}
		}
	}
	if after, ok := k.scores(k.plugin, small, []string{"What is the capital of Mali?"}); ok && !slices.Equal(after, before) {
		k.failf("%s: got %v before and %v after", quote(small), before, after)
	}
}

func (k *kit) scoreBroken() {
	for _, text := range broken {
		if _, err := k.plugin.Score(k.ctx, text, []string{"a"}); err == nil {
			k.failf("%q as the query: got an answer, want an error", text)
		}
		if _, err := k.plugin.Score(k.ctx, "a", []string{"a", text}); err == nil {
			k.failf("%q as a candidate: got an answer, want an error", text)
		}
	}
}
