package setup

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"

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
		if err := s.addScorer(made, i == 0, used); err != nil {
			return nil, err
		}
	}
	if c.Guard != config.GuardOff {
		guard, err := s.find(c.Guard, hostapi.RoleScore)
		if err != nil {
			return nil, err
		}
		made.Guard = guard
	}
	made.Generation = s.generation(slices.Clone(c.Normalize), setsOf(made, c.Score[0]))
	return made, nil
}

// plugin returns a plugin by its name, the configuration's own before one that comes with kvasir, or nil.
func (s *strategist) plugin(name string) hostapi.Plugin {
	if p := s.own.Plugin(name); p != nil {
		return p
	}
	return s.builtin.Plugin(name)
}

// find returns a plugin that has a role.
func (s *strategist) find(name string, role hostapi.Role) (hostapi.Plugin, error) {
	p := s.plugin(name)
	switch {
	case p == nil:
		return nil, fmt.Errorf("there is no plugin %q", name)
	case !p.Manifest().Has(role):
		return nil, fmt.Errorf("plugin %q has no function for %s", name, role)
	}
	return p, nil
}

// sets say what the sets of normal forms are.
type sets struct {
	text   string // of what does not change while kvasir runs
	plugin string // that makes them; empty for n-grams
}

func setsOf(made *engine.Strategy, first string) sets {
	found := sets{text: fmt.Sprintf("%v %d %d %d", made.Grams.Unit, made.Grams.Min, made.Grams.Max, ngram.Version)}
	if made.Features != nil {
		found = sets{text: "features", plugin: first}
	}
	found.text += fmt.Sprintf(" kind %d", made.Kind())
	return found
}

// generation returns a function that hashes what decides the normal forms and their sets. Every lookup asks
// several times, so the hash is kept until a plugin is loaded anew.
func (s *strategist) generation(normalizers []string, sets sets) func() [16]byte {
	type kept struct {
		loads [2]uint64
		hash  [16]byte
	}
	var last atomic.Pointer[kept]
	return func() [16]byte {
		loads := [2]uint64{s.own.Loads(), s.builtin.Loads()} // before the identities
		if k := last.Load(); k != nil && k.loads == loads {
			return k.hash
		}
		k := &kept{loads, s.hashGeneration(normalizers, sets)}
		last.Store(k)
		return k.hash
	}
}

func (s *strategist) hashGeneration(normalizers []string, sets sets) (g [16]byte) {
	h := sha256.New()
	fmt.Fprintf(h, "kvasir generation 2\n%s\n%s\n", sets.text, textfold.Version)
	names := normalizers
	if sets.plugin != "" {
		names = append(slices.Clone(normalizers), sets.plugin)
	}
	for _, name := range names {
		identity := s.own.Identity(name)
		if s.own.Plugin(name) == nil {
			identity = s.builtin.Identity(name)
		}
		h.Write(identity[:])
	}
	copy(g[:], h.Sum(nil))
	return g
}
