package server

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestControl_CacheControlCounts(t *testing.T) {
	f := start(t, hosttest.Options{})
	inferences := func() int { return f.host.Calls(hosttest.Generate) }
	for _, step := range []struct {
		prompt, header string
		status         int
		action         string
		inferences     int
	}{
		{"a", "only-if-cached", 504, "miss", 0},
		{"a", "no-store", 200, "miss", 1},
		{"a", "", 200, "miss", 2},
		{"a", "only-if-cached, max-age=60", 200, "answer", 2},
		{"a", "no-store", 200, "answer", 2},
		{"a", "NO-CACHE", 200, "miss", 3},
		{"a", "max-age=0", 200, "miss", 4},
		{"a", "private, max-stale=3", 200, "answer", 4},
		{"a", "no-cache, only-if-cached", 504, "miss", 4},
		{"a", "max-age=soon", 400, "", 4},
	} {
		r := f.send(t, "POST", chatPath, chatBody(step.prompt), "Cache-Control: "+step.header)
		if r.status != step.status || r.header.Get(headerAction) != step.action || inferences() != step.inferences {
			t.Errorf("%q: %d %v after %d inferences, want %+v: %s", step.header, r.status, r.header, inferences(), step, r.body)
		}
		if step.status == 504 && at(t, r.body, "error", "code") != "not_stored" {
			t.Errorf("%q: %s", step.header, r.body)
		}
	}
	if r := f.send(t, "POST", chatPath, chatBody("b", `"stream":true`, `"kvasir":{"cache":"only-if-cached"}`)); r.status != 504 {
		t.Errorf("a stream of what is not stored: %d %s", r.status, r.body)
	}
}

func TestControl_HeadersAndBodySayWhatToDo(t *testing.T) {
	f := start(t, hosttest.Options{})
	f.ask(t, chatBody("What is the capital of Niger?"))
	const other = "What is the capital of Niger, please?"
	if r, _ := f.ask(t, chatBody(other), headerThreshold+": 0.99"); r.header.Get(headerAction) != "miss" {
		t.Errorf("a higher threshold: %v", r.header)
	}
	r := f.look(t, "GET", "/entries", "")
	if r := f.look(t, "DELETE", "/entries/"+at(t, r.body, "entries", 1, "id").(string), ""); r.status != 200 {
		t.Fatal(r.body)
	}
	if r, _ := f.ask(t, chatBody(other), headerThreshold+": 0"); r.header.Get(headerAction) != "answer" || r.header.Get(headerKind) != "approx" {
		t.Errorf("a lower threshold: %v", r.header)
	}
	if r, _ := f.ask(t, chatBody(other, `"kvasir":{"strategy":"exact","topic":"geography"}`)); r.header.Get(headerAction) != "miss" {
		t.Errorf("another strategy: %v", r.header)
	}
	r = f.look(t, "GET", "/entries?from=2", "")
	if got := at(t, r.body, "entries", 0, "topic"); got != "geography" {
		t.Errorf("topic %v in %s", got, r.body)
	}
	f.ask(t, chatBody("short-lived"), headerTTL+": 90")
	f.ask(t, chatBody("Something else entirely"), headerTTL+": 1h30m")
	for i, want := range []time.Duration{90 * time.Second, 90 * time.Minute} {
		r = f.look(t, "GET", "/entries?from=2", "")
		if got := lifeOf(t, r.body, i+1); got != want {
			t.Errorf("it lives %v, want %v", got, want)
		}
	}
	for _, bad := range []string{headerTTL + ": ever", headerTTL + ": -1s", headerTTL + ": 0", headerThreshold + ": 2", headerThreshold + ": NaN", headerTopic + ": " + strings.Repeat("x", 200)} {
		name, _, _ := strings.Cut(bad, ":")
		if r := f.send(t, "POST", chatPath, chatBody("x"), bad); r.status != 400 || at(t, r.body, "error", "param") != name {
			t.Errorf("%s: %d %s", bad, r.status, r.body)
		}
	}
}

// lifeOf is how long an entry of a page lives.
func lifeOf(t *testing.T, page string, i int) time.Duration {
	t.Helper()
	when := func(name string) time.Time {
		text, _ := at(t, page, "entries", i, name).(string)
		moment, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatalf("%v in %s", err, page)
		}
		return moment
	}
	return when("expires").Sub(when("created"))
}

func TestControl_AnswersSayWhatWasDone(t *testing.T) {
	c := &clock{now: time.Now()}
	f := start(t, hosttest.Options{}, func(o *Options) { o.Now = c.Now })
	r, _ := f.ask(t, chatBody("hello", `"kvasir":{"details":true}`))
	if at(t, r.body, "kvasir", "action") != "miss" || at(t, r.body, "kvasir", "age_s") != nil || r.header.Get(headerReason) == "" || r.header.Get(headerAge) != "" {
		t.Errorf("%s %v", r.body, r.header)
	}
	c.advance(time.Minute)
	r, _ = f.ask(t, chatBody("HELLO", `"kvasir":{"details":true}`))
	for name, want := range map[string]string{headerAction: "answer", headerKind: "normalized", headerScore: "1", headerAge: "60"} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if r.header.Get(headerSaved) == "0.000" || at(t, r.body, "kvasir", "kind") != "normalized" || at(t, r.body, "kvasir", "saved_ms").(float64) <= 0 {
		t.Errorf("%s %v", r.body, r.header)
	}
	stream := f.send(t, "POST", chatPath, chatBody("hello", `"stream":true`, `"kvasir":{"details":true}`))
	if !strings.Contains(stream.body, `"kvasir":{"action":"answer"`) || stream.header.Get(headerKind) != "exact" {
		t.Errorf("%s %v", stream.body, stream.header)
	}
	if r, _ := f.ask(t, chatBody("hello")); strings.Contains(r.body, "kvasir") {
		t.Errorf("details that nobody asked for: %s", r.body)
	}
}

// Callers who are not trusted neither say what the cache does nor learn what it did.
func TestControl_IsOffForWhoMayNot(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"server": func(o *Options) { o.Settings.Control = false },
		"tenant": withTenants(Tenant{Name: "a"}),
	} {
		f := start(t, hosttest.Options{}, change)
		key := "Authorization: Bearer a-key"
		for range 2 {
			r := f.send(t, "POST", chatPath, chatBody("hello", `"kvasir":{"details":true,"cache":"no-cache"}`), key, "Cache-Control: no-store", headerThreshold+": bad")
			for header := range r.header {
				if strings.HasPrefix(header, "X-Kvasir") {
					t.Errorf("%s: header %s", name, header)
				}
			}
			if r.status != http.StatusOK || strings.Contains(r.body, "kvasir") {
				t.Errorf("%s: %d %s", name, r.status, r.body)
			}
		}
		if n := f.host.Calls(hosttest.Generate); n != 1 {
			t.Errorf("%s: %d inferences", name, n)
		}
	}
}
