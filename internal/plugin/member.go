package plugin

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// member is one plugin of a set: the generation in use, what it did, and whether it rests.
type member struct {
	spec  Spec
	log   *slog.Logger
	now   func() time.Time
	loads *atomic.Uint64 // of the set; it rises after mu.identity has changed

	mu struct {
		sync.Mutex
		plugin   hostapi.Plugin // nil until one was loaded
		identity [32]byte       // of plugin
		failure  error          // why the last load failed; nil if it did not
		seen     look           // the file as it was before the last load, or try to
		closed   bool
		tried    time.Time // when that was
		breaker  breaker
		counts   counts
	}
}

var (
	_ hostapi.Plugin    = (*member)(nil)
	_ hostapi.Explainer = (*member)(nil)
)

func (m *member) current() hostapi.Plugin {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.plugin
}

// load puts a new generation in the place of the old one, which ends when its calls have. If there is none
// to be had, the old one stays.
func (m *member) load(ctx context.Context) error {
	seen := m.look()
	identity, err := m.identify()
	var p hostapi.Plugin
	if err == nil {
		p, err = m.spec.Load(ctx)
	}
	m.mu.Lock()
	m.mu.seen = seen
	if err != nil {
		m.mu.counts.loadFailures++
		m.mu.failure, m.mu.tried = err, m.now()
		m.mu.Unlock()
		return err
	}
	if m.mu.closed {
		m.mu.Unlock()
		return errors.Join(hostapi.ErrClosed, p.Close())
	}
	old, failed := m.mu.plugin, m.mu.failure
	m.mu.plugin, m.mu.identity, m.mu.failure, m.mu.breaker = p, identity, nil, breaker{}
	m.mu.counts.loads++
	m.mu.Unlock()
	m.loads.Add(1)
	switch {
	case failed != nil:
		m.log.Warn("plugin loaded after all") // where only trouble is shown, its end is worth a line
	case old != nil:
		m.log.Info("plugin loaded anew")
	}
	if old != nil {
		if err := old.Close(); err != nil {
			m.log.Warn("the plugin's last generation did not end well", "error", err)
		}
	}
	return nil
}

func (m *member) identify() ([32]byte, error) {
	if m.spec.Identity == nil {
		return sha256.Sum256([]byte(m.spec.Name)), nil
	}
	return m.spec.Identity()
}

func (m *member) close() error {
	m.mu.Lock()
	p := m.mu.plugin
	m.mu.closed = true
	m.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.Close()
}

// call does something with the current generation. When that ends meanwhile because a new one took its
// place, it does it with the new one.
func (m *member) call(f func(hostapi.Plugin) error) error {
	for {
		p, err := m.admit()
		if err != nil {
			return err
		}
		began := m.now()
		err = f(p)
		if errors.Is(err, hostapi.ErrClosed) && m.replaced(p) {
			continue
		}
		m.account(err, m.now().Sub(began))
		return err
	}
}

// admit returns the generation to ask, unless there is none or it rests.
func (m *member) admit() (hostapi.Plugin, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.mu.closed:
		return nil, hostapi.ErrClosed
	case m.mu.plugin == nil && m.mu.failure != nil:
		return nil, m.mu.failure
	case m.mu.plugin == nil:
		return nil, hostapi.ErrLoad
	case m.mu.breaker.open(m.now()):
		m.mu.counts.rested++
		return nil, hostapi.ErrRests
	}
	return m.mu.plugin, nil
}

func (m *member) replaced(p hostapi.Plugin) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.plugin != p && !m.mu.closed
}

// account counts a call and lets the plugin rest if that was one failure too many.
func (m *member) account(err error, took time.Duration) {
	m.mu.Lock()
	m.mu.counts.add(err, took)
	rests := faulty(err) && m.mu.breaker.fail(m.now())
	m.mu.Unlock()
	if err != nil && !errors.Is(err, hostapi.ErrRole) {
		m.log.Warn("plugin failed", "error", err)
	}
	if rests {
		m.log.Error("plugin rests after repeated failures", "for", restTime)
	}
}

// Manifest returns that of the current generation, and an empty one if there is none.
func (m *member) Manifest() *hostapi.Manifest {
	if p := m.current(); p != nil {
		return p.Manifest()
	}
	return &hostapi.Manifest{Name: m.spec.Name}
}

func (m *member) Normalize(ctx context.Context, text string) (normal string, err error) {
	err = m.call(func(p hostapi.Plugin) error { normal, err = p.Normalize(ctx, text); return err })
	return normal, err
}

func (m *member) Features(ctx context.Context, texts []string) (sets [][]uint64, err error) {
	err = m.call(func(p hostapi.Plugin) error { sets, err = p.Features(ctx, texts); return err })
	return sets, err
}

func (m *member) Score(ctx context.Context, query string, candidates []string) (scores []float32, err error) {
	err = m.call(func(p hostapi.Plugin) error { scores, err = p.Score(ctx, query, candidates); return err })
	return scores, err
}

func (m *member) Hook(ctx context.Context, e *hostapi.Event) (d *hostapi.Decision, err error) {
	err = m.call(func(p hostapi.Plugin) error { d, err = p.Hook(ctx, e); return err })
	return d, err
}

func (m *member) Explain(ctx context.Context, query, candidate string) (why *hostapi.Explanation, err error) {
	err = m.call(func(p hostapi.Plugin) error {
		explainer, ok := p.(hostapi.Explainer)
		if !ok {
			return hostapi.ErrRole
		}
		why, err = explainer.Explain(ctx, query, candidate)
		return err
	})
	return why, err
}

// Close does nothing: the set ends its plugins.
func (m *member) Close() error { return nil }
