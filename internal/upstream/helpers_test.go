package upstream

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

const testKey = "sk-very-secret-0123"

// fake is an upstream that does what handle does, and keeps what it was sent.
type fake struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []string // bodies
	paths  []string
	keys   []string
	pauses []time.Duration // that its host made between tries
	host   *Host
}

func newFake(t testing.TB, handle http.HandlerFunc, change ...func(*Options)) *fake {
	t.Helper()
	f := &fake{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		f.asked, f.paths, f.keys = append(f.asked, string(body)), append(f.paths, r.URL.Path), append(f.keys, r.Header.Get("Authorization"))
		f.mu.Unlock()
		handle(w, r)
	}))
	t.Cleanup(f.Close)
	o := Options{URL: f.URL + "/v1/", Model: "large", Key: testKey, Retries: 2,
		Sleep: func(_ <-chan struct{}, d time.Duration) { f.pauses = append(f.pauses, d) }}
	for _, c := range change {
		c(&o)
	}
	var err error
	if f.host, err = Open(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.host.Close() })
	return f
}

func (f *fake) calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

// generate returns the answer and what was emitted of it, joined.
func (f *fake) generate(t testing.TB, r *base.Request) (*base.Result, string, error) {
	t.Helper()
	var said strings.Builder
	result, err := f.host.Generate(t.Context(), r, func(c base.Chunk) error {
		said.WriteString(c.Text)
		return nil
	})
	if err != nil {
		showsNoKey(t, err)
	}
	return result, said.String(), err
}

func showsNoKey(t testing.TB, err error) {
	t.Helper()
	for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err), base.Hint(err)} {
		if strings.Contains(text, testKey) {
			t.Errorf("the error shows the key: %s", text)
		}
	}
}

func question(text string) *base.Request {
	return &base.Request{Messages: []base.Message{{Role: base.RoleUser, Content: text}}}
}

// stream answers with events, each of which is sent at once.
func stream(events ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, e := range events {
			fmt.Fprintf(w, "data: %s\n\n", e)
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// piece is an event with a piece of text.
func piece(text string) string {
	quoted, _ := json.Marshal(text)
	return `{"choices":[{"index":0,"delta":{"content":` + string(quoted) + `}}]}`
}

const (
	stopped = `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
	counted = `{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}`
	done    = "[DONE]"
)

func fails(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// inTurn does the first thing once, then the next, and goes on with the last.
func inTurn(handlers ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	next := 0
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := handlers[min(next, len(handlers)-1)]
		next++
		mu.Unlock()
		h(w, r)
	}
}
