package plugin

import (
	"context"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Wants reports whether any plugin has a hook of this kind. It loads the plugins if nobody has yet. While
// one cannot be loaded, lookups are to be asked about.
func (s *Set) Wants(hook hostapi.Role) bool {
	if len(s.members) == 0 {
		return false
	}
	s.ready(context.Background())
	for _, m := range s.members {
		p := m.current()
		if p == nil && hook == hostapi.RoleOnLookup || p != nil && p.Manifest().Has(hook) {
			return true
		}
	}
	return false
}

// Ask asks every plugin that has the hook of an event, in the order of the configuration, and returns what
// they say together.
func (s *Set) Ask(ctx context.Context, e *hostapi.Event) hostapi.Decision {
	s.ready(ctx)
	var decisions []*hostapi.Decision
	for _, m := range s.members {
		if d := m.ask(ctx, e); d != nil {
			decisions = append(decisions, d)
		}
	}
	return hostapi.Merge(decisions...)
}

// ask returns what a plugin says, with its name before the reason.
func (m *member) ask(ctx context.Context, e *hostapi.Event) *hostapi.Decision {
	p := m.current()
	if p == nil {
		return m.absent(e)
	}
	if !p.Manifest().Has(e.Hook) {
		return nil
	}
	d, err := m.Hook(ctx, e)
	if err != nil || d == nil {
		return nil
	}
	named := *d
	if named.Reason = m.spec.Name; d.Reason != "" {
		named.Reason += ": " + d.Reason
	}
	return &named
}

// absent is the opinion of a plugin that cannot be loaded.
func (m *member) absent(e *hostapi.Event) *hostapi.Decision {
	m.mu.Lock()
	failure := m.mu.failure
	m.mu.Unlock()
	if e.Hook != hostapi.RoleOnLookup || failure == nil {
		return nil
	}
	return &hostapi.Decision{Bypass: new(true), Reason: m.spec.Name + " cannot be loaded: " + failure.Error()}
}
