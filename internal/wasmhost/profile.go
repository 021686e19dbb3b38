package wasmhost

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/wasmhost/meter"
)

// profile is a kind of module.
type profile interface {
	// check reports the first export that is missing or has another type than the profile needs, and
	// returns the roles that the module has functions for.
	check(m *rewritten) (roleSet, error)
	// open speaks to a fresh instance. It does not call into it.
	open(in *instance) (guest, error)
}

// profileOf tells kinds of modules apart.
func profileOf(m *rewritten) (profile, error) {
	for _, i := range m.imports {
		if i.Module == importExtism {
			return extismProfile{}, nil
		}
	}
	for _, e := range m.exports {
		if strings.HasPrefix(e.Name, "kvasir_") {
			return coreProfile{}, nil
		}
	}
	if _, ok := m.export(exportStart); ok {
		return stdioProfile{}, nil
	}
	return nil, faultf(hostapi.ErrLoad, "it is no plugin: it exports no %s (the plugin contract) and no %s "+
		"(a program that reads and writes lines), and imports nothing from %s",
		hostapi.ExportVersion, exportStart, importExtism)
}

// function checks that m exports a function of that type. An absent one is an error only where it is
// required.
func (r *rewritten) function(name, signature string, required bool) (found bool, err error) {
	e, ok := r.export(name)
	switch {
	case !ok && required:
		return false, faultf(hostapi.ErrLoad, "it exports no function %q of type %s", name, signature)
	case !ok:
		return false, nil
	case e.Kind != meter.KindFunction:
		return false, faultf(hostapi.ErrLoad, "its export %q is a %v, want a function of type %s", name, e.Kind, signature)
	case e.Type.String() != signature:
		return false, faultf(hostapi.ErrLoad, "its export %q has type %s, want %s", name, e.Type, signature)
	}
	return true, nil
}

// list returns the roles of s, in the order of the contract.
func (s roleSet) list() []hostapi.Role {
	var roles []hostapi.Role
	for _, r := range hostapi.Roles() {
		if s&bit(r) != 0 {
			roles = append(roles, r)
		}
	}
	return roles
}

// rolesOf is the inverse of list.
func rolesOf(roles []hostapi.Role) roleSet {
	var s roleSet
	for _, r := range roles {
		s |= bit(r)
	}
	return s
}

// impure are the grants with which two calls of one text may differ.
var impure = []hostapi.Grant{hostapi.GrantNow, hostapi.GrantRandom, hostapi.GrantKV}

// checkPure refuses a grant that would let a pure role depend on more than its input.
func checkPure(roles []hostapi.Role, grants []hostapi.Grant) error {
	for _, r := range roles {
		for _, g := range grants {
			if r.IsPure() && slices.Contains(impure, g) {
				return faultf(hostapi.ErrLoad, "it has the role %q, whose result may depend on its input alone, and the grant %q; "+
					"take the grant away, or put its hooks into a plugin of their own", r, g)
			}
		}
	}
	return nil
}

// version checks what a guest says of the contract it was built for.
func version(v uint32) error {
	if err := hostapi.CheckVersion(v); err != nil {
		return &fault{reason: hostapi.ErrLoad, text: fmt.Sprintf("%s returned %#x: %v", hostapi.ExportVersion, v, err)}
	}
	return nil
}
