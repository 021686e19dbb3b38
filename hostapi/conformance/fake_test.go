package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// fake is a plugin that keeps the contract in every role. Tests break it by replacing a function.
type fake struct {
	manifest  *hostapi.Manifest
	normalize func(text string) (string, error)
	features  func(texts []string) ([][]uint64, error)
	score     func(query string, candidates []string) ([]float32, error)
	hook      func(e *hostapi.Event) (*hostapi.Decision, error)
	explain   func(query, candidate string) (*hostapi.Explanation, error)
	close     func() error
	isClosed  atomic.Bool
	openAfter bool // it answers after Close
}

func newFake() *fake {
	f := &fake{
		normalize: func(text string) (string, error) {
			return strings.Join(strings.Fields(strings.ToLower(text)), " "), nil
		},
		explain: explainWhole,
		score:   scoreEach(func(a, b string) float32 { return jaccard(bytesOf(a), bytesOf(b)) }),
		hook:    decide,
		close:   func() error { return nil },
		manifest: &hostapi.Manifest{
			Name: "fake", Version: "1.0.0", Roles: hostapi.Roles(),
			Scorer: &hostapi.Scorer{Class: hostapi.ClassRerank, Index: hostapi.DefaultIndex()},
		},
	}
	f.features = func(texts []string) ([][]uint64, error) {
		sets := make([][]uint64, len(texts))
		for i, t := range texts {
			sets[i] = bytesOf(t)
		}
		return sets, nil
	}
	return f
}

// bytesOf returns the bytes of a text, ascending and each once.
func bytesOf(text string) []uint64 {
	var has [256]bool
	for _, c := range []byte(text) {
		has[c] = true
	}
	var set []uint64
	for c, there := range has {
		if there {
			set = append(set, uint64(c))
		}
	}
	return set
}

func jaccard(a, b []uint64) float32 {
	common := 0
	for _, x := range a {
		if slices.Contains(b, x) {
			common++
		}
	}
	if all := len(a) + len(b) - common; all > 0 {
		return float32(common) / float32(all)
	}
	return 1
}

func scoreEach(score func(a, b string) float32) func(string, []string) ([]float32, error) {
	return func(query string, candidates []string) ([]float32, error) {
		scores := make([]float32, len(candidates))
		for i, c := range candidates {
			scores[i] = score(query, c)
		}
		return scores, nil
	}
}

func explainWhole(query, candidate string) (*hostapi.Explanation, error) {
	if query == candidate {
		return &hostapi.Explanation{Verdict: "same", Reason: "they are equal"}, nil
	}
	return &hostapi.Explanation{Verdict: "different", Reason: "they are not equal", Differences: []hostapi.Difference{
		{Type: "text", Query: query, Candidate: candidate, At: [4]int{0, len(query), 0, len(candidate)}},
	}}, nil
}

func decide(e *hostapi.Event) (*hostapi.Decision, error) {
	no, yes := false, true
	if e.Request.Prompt == "" {
		return nil, nil
	}
	switch e.Hook {
	case hostapi.RoleOnLookup:
		return &hostapi.Decision{Bypass: &no}, nil
	case hostapi.RoleOnHit:
		return &hostapi.Decision{Accept: &yes}, nil
	case hostapi.RoleOnMiss:
		return &hostapi.Decision{Resume: &yes}, nil
	case hostapi.RoleOnStore:
		return &hostapi.Decision{Store: &yes, Tags: []string{"fake"}}, nil
	}
	return &hostapi.Decision{Keep: &no, Reason: "it may go"}, nil
}

// may is what every call asks first.
func (f *fake) may(r hostapi.Role, texts ...string) error {
	switch {
	case f.isClosed.Load() && !f.openAfter:
		return hostapi.ErrClosed
	case !f.manifest.Has(r):
		return hostapi.ErrRole
	}
	for _, t := range texts {
		if !utf8.ValidString(t) {
			return errors.New("a text is no UTF-8")
		}
	}
	return nil
}

func (f *fake) Manifest() *hostapi.Manifest { return f.manifest }

func (f *fake) Normalize(_ context.Context, text string) (string, error) {
	if err := f.may(hostapi.RoleNormalize, text); err != nil {
		return "", err
	}
	return f.normalize(text)
}

func (f *fake) Features(_ context.Context, texts []string) ([][]uint64, error) {
	if err := f.may(hostapi.RoleFeatures, texts...); err != nil {
		return nil, err
	}
	return f.features(texts)
}

func (f *fake) Score(_ context.Context, query string, candidates []string) ([]float32, error) {
	if err := f.may(hostapi.RoleScore, append(slices.Clone(candidates), query)...); err != nil {
		return nil, err
	}
	return f.score(query, candidates)
}

func (f *fake) Hook(_ context.Context, e *hostapi.Event) (*hostapi.Decision, error) {
	if err := f.may(e.Hook); err != nil {
		return nil, err
	}
	return f.hook(e)
}

func (f *fake) Explain(_ context.Context, query, candidate string) (*hostapi.Explanation, error) {
	if err := f.may(hostapi.RoleScore, query, candidate); err != nil {
		return nil, err
	}
	return f.explain(query, candidate)
}

func (f *fake) Close() error {
	f.isClosed.Store(true)
	return f.close()
}

var _ hostapi.Explainer = (*fake)(nil)

// vectors are answers that fake gives.
func vectors() string {
	e, err := json.Marshal(event(hostapi.RoleOnHit))
	if err != nil {
		panic(err)
	}
	return `# a comment, and an empty line

{"op":"normalize","text":" A  b ","want":"a b"}
{"op":"features","texts":["ba","a"],"want":[[97,98],[97]]}
{"op":"score","query":"ab","candidates":["ab","b","c"],"want":[1,0.5,0]}
{"op":"on_hit","event":` + string(e) + `,"want":{"accept":true}}
{"op":"explain","query":"a","candidate":"a","want":{"verdict":"same","reason":"they are equal"}}
`
}
