package setup

import (
	"context"
	"fmt"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/ngram"
)

// indexed are the built-in scorers whose score the index computes where they come first. Their modules are not
// loaded for that.
var indexed = map[string]ngram.Measure{"jaccard": ngram.ByJaccard, "containment": ngram.ByContainment}

// isIndexed reports whether the index computes the first score of a strategy.
func isIndexed(c *config.Config, first string) bool {
	_, ok := indexed[first]
	return ok && c.Plugins[first] == nil
}

// addScorer adds a scorer to a strategy. The first one says how candidates are found.
func (s *strategist) addScorer(made *engine.Strategy, first bool, name string) error {
	made.Names = append(made.Names, name)
	if first {
		made.Grams = ngram.Spec{Unit: ngram.Char, Min: 2, Max: 3}
		if isIndexed(s.config, name) {
			made.Measure = indexed[name]
			return nil
		}
	}
	p, class, err := s.scorer(name)
	if err != nil {
		return err
	}
	if first {
		if err := searchBy(made, p); err != nil {
			return fmt.Errorf("plugin %q: %w", name, err)
		}
		if class == hostapi.ClassFeatures {
			return nil // the index computes the score
		}
	}
	if class == hostapi.ClassFeatures {
		made.Scorers = append(made.Scorers, featureScorer{p, measureOf(p.Manifest().Scorer.Measure)})
	} else {
		made.Scorers = append(made.Scorers, p)
	}
	return nil
}

// scorer returns a plugin that scores, and how.
func (s *strategist) scorer(name string) (hostapi.Plugin, hostapi.ScorerClass, error) {
	p := s.plugin(name)
	if p == nil {
		return nil, "", fmt.Errorf("there is no plugin %q", name)
	}
	m := p.Manifest()
	switch {
	case !m.Has(hostapi.RoleScore) && !m.Has(hostapi.RoleFeatures):
		return nil, "", fmt.Errorf("plugin %q cannot score: it has no function for score or features", name)
	case m.Scorer == nil: // a manifest that was not read by package hostapi
		return p, hostapi.ClassRerank, nil
	}
	return p, m.Scorer.Class, nil
}

// searchBy lets a plugin that comes first say how its candidates are found.
func searchBy(made *engine.Strategy, p hostapi.Plugin) error {
	scorer := p.Manifest().Scorer
	if scorer == nil {
		scorer = &hostapi.Scorer{Class: hostapi.ClassRerank}
	}
	switch scorer.Class {
	case hostapi.ClassFeatures:
		made.Features, made.Measure = p, measureOf(scorer.Measure)
		return nil
	case hostapi.ClassScan:
		made.OwnScore, made.Scan = true, orDefault(scorer.MaxEntries, 1000)
		return nil
	}
	index := scorer.Index
	if index == nil {
		index = hostapi.DefaultIndex()
	}
	unit, err := ngram.ParseUnit(index.Unit)
	if err != nil {
		return err
	}
	made.OwnScore, made.Found = true, orDefault(index.Limit, 64)
	made.Candidates = min(made.Candidates, made.Found)
	made.Grams = ngram.Spec{Unit: unit, Min: index.Min, Max: index.Max}
	if index.Floor > 0 {
		made.SearchFloor = index.Floor
	}
	return made.Grams.Check()
}

func orDefault(n, other int) int {
	if n == 0 {
		return other
	}
	return n
}

func measureOf(name string) ngram.Measure {
	if name == ngram.ByContainment.String() {
		return ngram.ByContainment
	}
	return ngram.ByJaccard
}

// featureScorer scores what another scorer found, by the sets of a plugin.
type featureScorer struct {
	engine.Featurer
	measure ngram.Measure
}

func (f featureScorer) Score(ctx context.Context, query string, candidates []string) ([]float32, error) {
	of, err := f.sets(ctx, []string{query})
	if err != nil {
		return nil, err
	}
	sets, err := f.sets(ctx, candidates)
	if err != nil {
		return nil, err
	}
	scores := make([]float32, len(sets))
	for i, set := range sets {
		scores[i] = float32(f.measure.Of(of[0], set))
	}
	return scores, nil
}

func (f featureScorer) sets(ctx context.Context, texts []string) ([][]uint64, error) {
	sets, err := f.Features(ctx, texts)
	if err != nil {
		return nil, err
	}
	return sets, hostapi.CheckFeatures(sets, len(texts))
}
