package server

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

func TestAdmin_NeedsItsToken(t *testing.T) {
	f := start(t, hosttest.Options{}, withTenants(Tenant{Name: "a"}))
	for _, path := range []string{"/stats", "/metrics", "/entries", "/entries/1", "/plugins", "/health"} {
		for _, header := range []string{"X: y", as("a"), "Authorization: Bearer ", "Authorization: Basic " + adminToken} {
			if r := sendTo(t, f.admin.URL, "GET", path, "", header); r.status != 401 || strings.Contains(r.body, "cache.") {
				t.Errorf("%s with %q: %d %s", path, header, r.status, r.body)
			}
		}
	}
	if r := f.send(t, "POST", chatPath, chatBody("a"), "Authorization: Bearer "+adminToken); r.status != 401 {
		t.Errorf("the token is a key: %d", r.status)
	}
	if r := f.look(t, "GET", "/stats", "", "Host: evil.example"); r.status != 421 {
		t.Errorf("%d", r.status)
	}
	if r := f.look(t, "GET", "/stats", "", "Origin: https://evil.example"); r.status != 403 {
		t.Errorf("%d", r.status)
	}
	if strings.Contains(f.lines.String(), adminToken) {
		t.Error("the log has the token")
	}
}

func TestAdmin_EntriesAreListedShownAndRemoved(t *testing.T) {
	f := start(t, hosttest.Options{})
	if r := f.look(t, "GET", "/entries", ""); r.status != 200 || strings.TrimSpace(r.body) != `{"entries":[],"next":""}` {
		t.Errorf("%d %s", r.status, r.body)
	}
	f.ask(t, chatBody("first question"))
	f.ask(t, chatBody("another thing"))
	page := f.look(t, "GET", "/entries?limit=1", "")
	if at(t, page.body, "entries", 0, "prompt") != "first question" || at(t, page.body, "next") != "2" {
		t.Errorf("%s", page.body)
	}
	if r := f.look(t, "GET", "/entries?from=2", ""); at(t, r.body, "entries", 0, "prompt") != "another thing" || at(t, r.body, "next") != "" {
		t.Errorf("%s", r.body)
	}
	if r := f.look(t, "GET", "/entries/1", ""); at(t, r.body, "answer") != wanted("first question") {
		t.Errorf("%s", r.body)
	}
	if r := f.look(t, "DELETE", "/entries/1", ""); r.status != 200 || at(t, r.body, "removed") != "1" {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/entries/1", 404}, {"DELETE", "/entries/1", 404}, {"GET", "/entries/zz", 400}, {"GET", "/entries?limit=0", 400},
		{"GET", "/entries?limit=x", 400}, {"GET", "/entries?from=zz", 400}, {"PUT", "/entries/2", 405}, {"GET", "/entries/", 404},
	} {
		if r := f.look(t, test.method, test.path, ""); r.status != test.status {
			t.Errorf("%s %s: %d %s, want %d", test.method, test.path, r.status, r.body, test.status)
		}
	}
	if r, _ := f.ask(t, chatBody("first question")); r.header.Get(headerAction) != "miss" {
		t.Errorf("a removed answer serves: %v", r.header)
	}
}

func TestAdmin_WhyExplains(t *testing.T) {
	f := start(t, hosttest.Options{})
	f.ask(t, chatBody("What is the capital of Niger?"))
	for body, want := range map[string]string{
		chatBody("What is the capital of Niger?"): "answer (exact)",
		chatBody("WHAT is the capital of Niger?"): "answer (normalized)",
		chatBody("Something else entirely"):       "miss",
		`{"prompt":"hello"}`:                      "miss",
	} {
		r := f.look(t, "POST", "/why", body)
		if verdict, _ := at(t, r.body, "verdict").(string); r.status != 200 || !strings.HasPrefix(verdict, want) {
			t.Errorf("%s: %d %s, want %s", body, r.status, r.body, want)
		}
	}
	if r := f.look(t, "POST", "/why", "{}"); r.status != 400 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if n := f.host.Calls(hosttest.Generate); n != 1 {
		t.Errorf("%d inferences", n)
	}
}

func TestAdmin_MetricsAndStats(t *testing.T) {
	f := start(t, hosttest.Options{})
	f.ask(t, chatBody("hello"))
	f.ask(t, chatBody("hello"))
	f.send(t, "POST", chatPath, "{")
	if r := f.look(t, "GET", "/stats", ""); at(t, r.body, "cache.hit_exact") != 1.0 || at(t, r.body, "cache.size") != 1.0 {
		t.Errorf("%s", r.body)
	}
	r := f.look(t, "GET", "/metrics", "")
	for _, line := range []string{
		"kvasir_cache_hit_exact_total 1", "kvasir_cache_size 1", "kvasir_cache_miss_absent_total 1", "kvasir_cache_enabled 1",
		`kvasir_http_requests_total{code="200",path="/v1/chat/completions"} 2`, `kvasir_http_requests_total{code="400",path="/v1/chat/completions"} 1`,
		`kvasir_http_decisions_total{action="answer",kind="exact"} 1`, "kvasir_host_up 1", "kvasir_host_deaths_total 1", "kvasir_cache_saved_seconds_total 0.",
		`kvasir_http_request_duration_seconds_count{action="answer",path="/v1/chat/completions"} 1`, "go_goroutines ",
	} {
		if !strings.Contains(r.body, "\n"+line) {
			t.Errorf("no line %q in\n%s", line, r.body)
		}
	}
	for name, want := range map[string]string{
		"plugin.a-b.calls": "kvasir_plugin_calls_total", "plugin.a-b.ms": "kvasir_plugin_seconds_total",
		"plugin.a-b.memory_bytes": "kvasir_plugin_memory_bytes", "plugin.a-b.own.x.y": "kvasir_plugin_own",
	} {
		if got := metricOf(name, 1).Desc().String(); !strings.Contains(got, `fqName: "`+want+`"`) || !strings.Contains(got, "{plugin") {
			t.Errorf("%s: %s, want %s with a label for the plugin", name, got, want)
		}
	}
}

func TestAdmin_ReloadPluginsAndHealth(t *testing.T) {
	var failure error
	reloads := 0
	f := start(t, hosttest.Options{}, func(o *Options) {
		o.Version = "v1"
		o.Reload = func(context.Context) error { reloads++; return failure }
	})
	if r := f.look(t, "POST", "/reload", ""); r.status != 200 || reloads != 1 {
		t.Errorf("%d %s", r.status, r.body)
	}
	failure = errors.New("plugin \"acme\": gone")
	if r := f.look(t, "POST", "/reload", ""); r.status != 422 || !strings.Contains(r.body, "acme") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := f.look(t, "GET", "/plugins", ""); at(t, r.body, "plugins", 0, "name") != "acme" {
		t.Errorf("%s", r.body)
	}
	r := f.look(t, "GET", "/health", "")
	if at(t, r.body, "status") != "ready" || at(t, r.body, "host", "pid") != 42.0 || at(t, r.body, "version") != "v1" {
		t.Errorf("%s", r.body)
	}
	f.nowhere = true
	if r := f.look(t, "GET", "/stats", ""); r.status != 503 {
		t.Errorf("without a store: %d %s", r.status, r.body)
	}
}

func TestToken_IsMadeOnceAndKeptSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "admin.token")
	token, made, err := Token(path)
	if err != nil || !made || len(token) < 40 {
		t.Fatalf("%q, %t, %v", token, made, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if again, made, err := Token(path); again != token || made || err != nil {
		t.Errorf("%q, %t, %v", again, made, err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Token(path); err == nil || !strings.Contains(err.Error(), "others than its owner") {
		t.Errorf("a file others can read: %v", err)
	}
	for _, text := range []string{"", "short\n", "two words that are long enough\n"} {
		os.Chmod(path, 0o600)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Token(path); err == nil {
			t.Errorf("%q is a token", text)
		}
	}
}
