package fingerprint

import (
	"maps"
	"slices"
)

// Tenants returns the names of the tenants that have a salt, in their order.
func (s *Salts) Tenants() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.mu.byTenant))
}
