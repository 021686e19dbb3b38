package plugin

import (
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Status says how a plugin is.
type Status struct {
	Name     string            `json:"name"`
	Path     string            `json:"path,omitempty"`     // of its file
	Manifest *hostapi.Manifest `json:"manifest,omitempty"` // of the generation in use; none if there is none
	Failure  string            `json:"failure,omitempty"`  // why it could not be loaded when that was last tried
	Tried    time.Time         `json:"tried,omitzero"`     // when that was
}

// Status says how each plugin is, in the order of the configuration.
func (s *Set) Status() []Status {
	var all []Status
	for _, m := range s.members {
		all = append(all, m.status())
	}
	return all
}

func (m *member) status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	status := Status{Name: m.spec.Name, Path: m.spec.Path, Tried: m.mu.tried}
	if m.mu.plugin != nil {
		status.Manifest = m.mu.plugin.Manifest()
	}
	if m.mu.failure != nil {
		status.Failure = m.mu.failure.Error()
	}
	return status
}
