package conformance

import (
	"errors"
	"slices"

	"github.com/kvasir-cache/kvasir/hostapi"
)

const checkManifest = "manifest: it is whole"

var manifestChecks = []check{
	{name: checkManifest, run: always((*kit).manifest)},
	{name: "roles: what the plugin has not says ErrRole", run: always((*kit).otherRoles)},
}

func (k *kit) manifest() {
	m := k.plugin.Manifest()
	if m == nil {
		k.failf("Manifest returned nil")
		return
	}
	if len(m.Roles) == 0 {
		k.failf("the plugin has no role")
	}
	for i, r := range m.Roles {
		if !slices.Contains(hostapi.Roles(), r) || slices.Contains(m.Roles[:i], r) {
			k.failf("role %q is unknown or named twice", r)
		}
	}
	if (m.Has(hostapi.RoleScore) || m.Has(hostapi.RoleFeatures)) != (m.Scorer != nil) {
		k.failf("its roles are %q, and the scorer is %+v", m.Roles, m.Scorer)
	}
	text, err := encode(m)
	if err != nil {
		k.failf("it cannot be written as JSON: %v", err)
		return
	}
	if _, err := hostapi.DecodeManifest(text, m.Roles); err != nil {
		k.failf("%s: %v", text, err)
	}
	k.manifestText = string(text)
}

// otherRoles asks for what the plugin has not.
func (k *kit) otherRoles() {
	for _, r := range hostapi.Roles() {
		if k.plugin.Manifest().Has(r) {
			continue
		}
		if err := k.ask(k.plugin, r); !errors.Is(err, hostapi.ErrRole) {
			k.failf("%s: got error %v, want ErrRole", r, err)
		}
	}
	if _, err := k.plugin.Hook(k.ctx, &hostapi.Event{Hook: "on_nothing"}); err == nil {
		k.failf("a hook that does not exist was answered")
	}
}

// ask makes a small call in a role.
func (k *kit) ask(p hostapi.Plugin, r hostapi.Role) error {
	var err error
	switch r {
	case hostapi.RoleNormalize:
		_, err = p.Normalize(k.ctx, "a")
	case hostapi.RoleFeatures:
		_, err = p.Features(k.ctx, []string{"a"})
	case hostapi.RoleScore:
		_, err = p.Score(k.ctx, "a", []string{"b"})
	default:
		_, err = p.Hook(k.ctx, event(r))
	}
	return err
}
