package setup

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/ngram"
	"github.com/kvasir-cache/kvasir/internal/plugin"
	"github.com/kvasir-cache/kvasir/internal/textfold"
)

// Matching is the strategies of a configuration with the plugins they use.
type Matching struct {
	Strategies []*engine.Strategy
	close      func() error
}

// OpenMatching loads the plugins and makes the strategies of c, without a store. A plugin that tokenizes as
// soon as it is loaded fails here, since that takes the model.
func OpenMatching(ctx context.Context, c *config.Config, log *slog.Logger) (*Matching, error) {
	loader := NewLoader(log, NoModel)
	own, builtin := loader.set(c), loader.builtin(c)
	m := &Matching{close: func() error { return errors.Join(own.Close(), builtin.Close(), loader.Close()) }}
	var err error
	if m.Strategies, err = (&strategist{c, own, builtin}).strategies(ctx); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// Close ends the plugins. It is called once, when nobody uses the strategies.
func (m *Matching) Close() error { return m.close() }

// Check reports what is wrong with the plugins and strategies of a configuration that is in order
// otherwise.
func Check(ctx context.Context, c *config.Config, log *slog.Logger) error {
	m, err := OpenMatching(ctx, c, log)
	if err != nil {
		return err
	}
	return m.Close()
}

// strategist makes the strategies of a configuration, from its own plugins and those that come with kvasir.
type strategist struct {
	config  *config.Config
	own     *plugin.Set
	builtin *plugin.Set
}

// strategies loads what the strategies need. It is called when a request is first to be matched.
func (s *strategist) strategies(ctx context.Context) ([]*engine.Strategy, error) {
	if err := errors.Join(s.own.Load(ctx), s.builtin.Load(ctx)); err != nil {
		return nil, err
	}
	var all []*engine.Strategy
	for _, name := range slices.Sorted(maps.Keys(s.config.Strategies)) {
		made, err := s.strategy(name, s.config.Strategies[name])
		if err != nil {
			return nil, fmt.Errorf("strategy %q: %w", name, err)
		}
		all = append(all, made)
	}
	return all, nil
}

func (s *strategist) strategy(name string, c *config.Strategy) (*engine.Strategy, error) {
	made := &engine.Strategy{Name: name, Floor: c.Floor, SearchFloor: c.Floor, Threshold: c.Threshold, Candidates: c.Candidates}
	for _, used := range c.Normalize {
		p, err := s.find(used, hostapi.RoleNormalize)
		if err != nil {
			return nil, err
		}
		made.Normalizers = append(made.Normalizers, p)
	}
	for i, used := range c.Score {
		p, err := s.find(used, hostapi.RoleScore)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			if err := s.search(made, used, p.Manifest()); err != nil {
				return nil, fmt.Errorf("plugin %q: %w", used, err)
			}
			if !made.OwnScore {
				continue // the index gives the same score
			}
		}
		made.Scorers = append(made.Scorers, p)
	}
	if c.Guard != config.GuardOff {
		guard, err := s.find(c.Guard, hostapi.RoleScore)
		if err != nil {
			return nil, err
		}
		made.Guard = guard
	}
	normalizers := slices.Clone(c.Normalize)
	made.Generation = func() [16]byte { return s.generation(normalizers, made.Grams) }
	return made, nil
}

// find returns a plugin by its name, the configuration's own before one that comes with kvasir.
func (s *strategist) find(name string, role hostapi.Role) (hostapi.Plugin, error) {
	p := s.own.Plugin(name)
	if p == nil {
		p = s.builtin.Plugin(name)
	}
	switch {
	case p == nil:
		return nil, fmt.Errorf("there is no plugin %q", name)
	case !p.Manifest().Has(role):
		return nil, fmt.Errorf("plugin %q has no function for %s", name, role)
	}
	return p, nil
}

// search lets the first scorer of a strategy say how candidates are found. The built-in ones are what the
// index computes.
func (s *strategist) search(made *engine.Strategy, name string, m *hostapi.Manifest) error {
	made.Grams = ngram.Spec{Unit: ngram.Char, Min: 2, Max: 3}
	if s.own.Plugin(name) == nil {
		switch name {
		case "jaccard":
			return nil
		case "containment":
			made.Measure = ngram.ByContainment
			return nil
		}
	}
	made.OwnScore = true
	if m.Scorer == nil || m.Scorer.Index == nil {
		return nil
	}
	if m.Scorer.Class != hostapi.ClassRerank {
		return fmt.Errorf("a scorer of the class %s cannot come first yet; put jaccard before it", m.Scorer.Class)
	}
	index := m.Scorer.Index
	unit, err := ngram.ParseUnit(index.Unit)
	if err != nil {
		return err
	}
	made.Grams = ngram.Spec{Unit: unit, Min: index.Min, Max: index.Max}
	if index.Floor > 0 {
		made.SearchFloor = index.Floor
	}
	return made.Grams.Check()
}

// generation hashes what decides the normal forms and their grams.
func (s *strategist) generation(normalizers []string, grams ngram.Spec) (g [16]byte) {
	h := sha256.New()
	fmt.Fprintf(h, "kvasir generation 1\n%v %d %d\n%d %s\n", grams.Unit, grams.Min, grams.Max, ngram.Version, textfold.Version)
	for _, name := range normalizers {
		identity := s.own.Identity(name)
		if s.own.Plugin(name) == nil {
			identity = s.builtin.Identity(name)
		}
		h.Write(identity[:])
	}
	copy(g[:], h.Sum(nil))
	return g
}
