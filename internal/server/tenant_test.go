package server

import (
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

func as(tenant string) string { return "Authorization: Bearer " + tenant + "-key" }

func TestTenants_NeedTheirKey(t *testing.T) {
	f := start(t, hosttest.Options{}, withTenants(Tenant{Name: "a", Control: true}))
	for _, header := range []string{"X: y", "Authorization: Bearer ", "Authorization: Bearer b-key", "Authorization: Basic a-key", "Authorization: a-key", as("A")} {
		for _, path := range []string{chatPath, "/v1/embeddings"} {
			r := f.send(t, "POST", path, chatBody("hello"), header)
			if r.status != http.StatusUnauthorized || at(t, r.body, "error", "code") != "invalid_api_key" || r.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%q: %d %s", header, r.status, r.body)
			}
		}
		if r := f.send(t, "GET", "/v1/models", "", header); r.status != http.StatusUnauthorized {
			t.Errorf("%q: models: %d", header, r.status)
		}
	}
	f.ask(t, chatBody("hello"), as("a"))
	f.ask(t, chatBody("hello"), "Authorization: bearer  a-key")
	for _, path := range []string{"/health", "/ready"} {
		if r := f.send(t, "GET", path, ""); r.status != http.StatusOK {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	if log := f.lines.String(); strings.Contains(log, "-key") || strings.Contains(log, "hello") {
		t.Errorf("the log has a key or a prompt: %s", log)
	}
}

// Two tenants that ask the same have answers of their own, and one inference each.
func TestTenants_NeverSeeEachOther(t *testing.T) {
	f := start(t, hosttest.Options{}, withTenants(Tenant{Name: "a", Control: true}, Tenant{Name: "b", Control: true}))
	if r, _ := f.ask(t, chatBody("hello"), as("a")); r.header.Get(headerAction) != "miss" {
		t.Errorf("%v", r.header)
	}
	for _, prompt := range []string{"hello", "HELLO", "hello "} {
		if r := f.send(t, "POST", chatPath, chatBody(prompt), as("b"), "Cache-Control: only-if-cached"); r.status != 504 || r.header.Get(headerAction) != "miss" {
			t.Errorf("%q of another tenant: %d %v", prompt, r.status, r.header)
		}
	}
	if r, _ := f.ask(t, chatBody("hello"), as("b")); r.header.Get(headerAction) != "miss" {
		t.Errorf("%v", r.header)
	}
	if r, _ := f.ask(t, chatBody("hello"), as("b")); r.header.Get(headerAction) != "answer" {
		t.Errorf("%v", r.header)
	}
	if n := f.host.Calls(hosttest.Generate); n != 2 {
		t.Errorf("%d inferences", n)
	}
	why := func(tenant string) any {
		r := f.look(t, "POST", "/why?tenant="+tenant, chatBody("hello"))
		return at(t, r.body, "namespace")
	}
	if why("a") == why("b") {
		t.Error("they share a namespace")
	}
	if r := f.look(t, "POST", "/why?tenant=c", chatBody("hello")); r.status != 400 {
		t.Errorf("why of no tenant: %d %s", r.status, r.body)
	}
}

// What one asks while the other asks the same is not shared either.
func TestTenants_ShareNoInference(t *testing.T) {
	f := start(t, hosttest.Options{Parallel: 4}, withTenants(Tenant{Name: "a"}, Tenant{Name: "b"}))
	gate := f.host.Hold(hosttest.AtStart)
	done := make(chan reply, 2)
	for _, tenant := range []string{"a", "b"} {
		go func() { done <- f.send(t, "POST", chatPath, chatBody("hello"), as(tenant)) }()
	}
	<-gate.Arrived()
	<-gate.Arrived()
	gate.Open()
	for range 2 {
		if r := <-done; r.status != http.StatusOK {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
}

func TestTenants_Limits(t *testing.T) {
	c := &clock{now: time.Unix(1e9, 0)}
	f := start(t, hosttest.Options{Parallel: 4}, withTenants(
		Tenant{Name: "slow", RequestsPerMinute: 2}, Tenant{Name: "single", Concurrent: 1}, Tenant{Name: "short", MaxTokens: 5},
		Tenant{Name: "small", MaxBody: 1 << 10}, Tenant{Name: "brief", TTL: time.Minute, Control: true}),
		func(o *Options) { o.Now = c.Now })
	ask := func(tenant, body string, headers ...string) reply {
		return f.send(t, "POST", chatPath, body, append(headers, as(tenant))...)
	}
	limited := func(r reply, what string) {
		t.Helper()
		if r.status != 429 || r.header.Get("Retry-After") == "" || at(t, r.body, "error", "type") != "rate_limit_error" {
			t.Errorf("%s: %d %s %v", what, r.status, r.body, r.header)
		}
	}
	for range 2 {
		f.ask(t, chatBody("a"), as("slow"))
	}
	r := ask("slow", chatBody("a"))
	limited(r, "the third in a minute")
	if got := r.header.Get("Retry-After"); got != "30" {
		t.Errorf("retry after %s s, want 30", got)
	}
	c.advance(30 * time.Second)
	f.ask(t, chatBody("a"), as("slow"))
	limited(ask("slow", chatBody("a")), "the next but one")

	gate := f.host.Hold(hosttest.AtStart)
	done := make(chan reply)
	go func() { done <- ask("single", chatBody("waits")) }()
	<-gate.Arrived()
	limited(ask("single", chatBody("another")), "a second at once")
	gate.Open()
	<-done
	f.ask(t, chatBody("another"), as("single"))

	f.ask(t, chatBody("b"), as("short"))
	if r := f.host.Requests()[f.host.Calls(hosttest.Generate)-1]; r.MaxTokens != 5 {
		t.Errorf("at most %d tokens", r.MaxTokens)
	}
	if r := ask("short", chatBody("b", `"max_tokens":6`)); r.status != 400 || at(t, r.body, "error", "param") != "max_tokens" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := ask("small", chatBody(strings.Repeat("x", 2000))); r.status != 413 {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, ttl := range []string{"", "1h"} {
		f.ask(t, chatBody("brief "+ttl), as("brief"), headerTTL+": "+ttl)
	}
	for _, field := range []int{0, 1} {
		page := f.look(t, "GET", "/entries?limit=1000", "")
		list := at(t, page.body, "entries").([]any)
		if got := lifeOf(t, page.body, len(list)-1-field); got != time.Minute {
			t.Errorf("it lives %v", got)
		}
	}
}

// New settings count at once, and what was used of the limits still does.
func TestApply_ChangesTenantsWhileServing(t *testing.T) {
	f := start(t, hosttest.Options{}, withTenants(Tenant{Name: "a", RequestsPerMinute: 1}))
	f.ask(t, chatBody("x"), as("a"))
	keys := [][32]byte{sha256.Sum256([]byte("new")), sha256.Sum256([]byte("a-key"))}
	if err := f.server.Apply(Settings{Tenants: []Tenant{{Name: "a", Keys: keys, RequestsPerMinute: 1}, {Name: "b", Keys: [][32]byte{sha256.Sum256([]byte("b-key"))}}}}); err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{"Authorization: Bearer new", as("a")} {
		if r := f.send(t, "POST", chatPath, chatBody("x"), header); r.status != 429 {
			t.Errorf("%s: %d", header, r.status)
		}
	}
	f.ask(t, chatBody("x"), as("b"))
	for _, wrong := range []Settings{{Tenants: []Tenant{{Name: "c"}}}, {Tenants: []Tenant{{Name: "c", Keys: keys}, {Name: "d", Keys: keys}}}} {
		if err := f.server.Apply(wrong); err == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
	f.ask(t, chatBody("x"), as("b"))
}
