package server

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"

	"github.com/kvasir-cache/kvasir/internal/openai"
)

// access says who may call, made of Settings.
type access struct {
	Settings
	callers map[[32]byte]*caller // by the hash of their key
	anyone  *caller              // where nobody needs a key
	hosts   map[string]bool      // in lower case
	origins map[string]bool
}

// caller is who a request is from.
type caller struct {
	Tenant
	use *use
}

// use is what a tenant has used of its limits. It outlives changes of the settings.
type use struct {
	running counter
	bucket  bucket
}

func newAccess(s Settings, old *access) (*access, error) {
	if s.MaxBody == 0 {
		s.MaxBody = defaultMaxBody
	}
	a := &access{Settings: s, callers: map[[32]byte]*caller{}, hosts: map[string]bool{}, origins: map[string]bool{}}
	if len(s.Tenants) == 0 {
		a.anyone = &caller{Tenant: Tenant{Control: true}, use: &use{}}
	}
	for _, t := range s.Tenants {
		c := &caller{Tenant: t, use: old.useOf(t.Name)}
		if t.Name == "" || len(t.Keys) == 0 {
			return nil, fmt.Errorf("tenant %q: it has no name or no key", t.Name)
		}
		for _, key := range t.Keys {
			if other := a.callers[key]; other != nil {
				return nil, fmt.Errorf("tenant %q: its key is that of tenant %q", t.Name, other.Name)
			}
			a.callers[key] = c
		}
	}
	for _, host := range s.Hosts {
		a.hosts[strings.ToLower(host)] = true
	}
	for _, origin := range s.Origins {
		a.origins[strings.ToLower(strings.TrimSuffix(origin, "/"))] = true
	}
	return a, nil
}

func (a *access) useOf(tenant string) *use {
	if a != nil {
		for _, c := range a.callers {
			if c.Name == tenant {
				return c.use
			}
		}
	}
	return &use{}
}

// identify returns who a request is from.
func (a *access) identify(r *http.Request) (*caller, error) {
	if a.anyone != nil {
		return a.anyone, nil
	}
	key := bearer(r)
	if key == "" {
		return nil, unauthorized("no API key was sent, want Authorization: Bearer KEY")
	}
	// The hash is compared, not the key, so the time that takes tells nothing of the key.
	if c := a.callers[sha256.Sum256([]byte(key))]; c != nil {
		return c, nil
	}
	return nil, unauthorized("the API key is not one of this server's")
}

func unauthorized(message string) error {
	return &openai.Error{Status: http.StatusUnauthorized, Type: openai.TypeInvalid, Code: "invalid_api_key", Message: message}
}

// bearer returns the key of a request, or nothing.
func bearer(r *http.Request) string {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(key)
}
