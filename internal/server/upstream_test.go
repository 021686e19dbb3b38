package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/hosttest"
	"github.com/kvasir-cache/kvasir/internal/upstream"
)

const upstreamKey = "sk-of-the-upstream"

// behind is a server in front of an upstream that does what handle does.
type behind struct {
	*fixture
	mu    sync.Mutex
	asked []string
}

// upstreamModel is the engine over an upstream.
type upstreamModel struct {
	*fakeModel
	host *upstream.Host
}

func (m *upstreamModel) Answer(ctx context.Context, q *engine.Query, emit func(base.Chunk) error) (*engine.Answer, error) {
	return m.engine.Serve(ctx, q, func(ctx context.Context, emit func(base.Chunk) error) (*base.Result, error) {
		return m.host.Generate(ctx, q.Request, emit)
	}, emit)
}

func (m *upstreamModel) Host() base.Host { return m.host }

func startBehind(t *testing.T, handle http.HandlerFunc) *behind {
	t.Helper()
	b := &behind{}
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		b.asked = append(b.asked, string(body))
		b.mu.Unlock()
		handle(w, r)
	}))
	t.Cleanup(far.Close)
	host, err := upstream.Open(upstream.Options{URL: far.URL + "/v1", Model: "large", Key: upstreamKey, Sleep: nil})
	if err != nil {
		t.Fatal(err)
	}
	b.fixture = start(t, hosttest.Options{}, func(o *Options) {
		o.Passing = true
		o.Model = &upstreamModel{o.Model.(*fakeModel), host}
	})
	return b
}

func (b *behind) calls() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.asked)
}

// tells streams texts as an upstream does.
func tells(texts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, text := range texts {
			fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%q}}]}\n\n", text)
			_ = http.NewResponseController(w).Flush()
		}
		io.WriteString(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	}
}

func TestUpstream_AnswersAreCachedExactlyAndByNormalForm(t *testing.T) {
	b := startBehind(t, tells("Nia", "mey."))
	for _, test := range []struct{ body, action, kind string }{
		{chatBody("Where is it?"), "miss", ""},
		{chatBody("Where is it?"), "answer", "exact"},
		{chatBody("WHERE is it?"), "answer", "normalized"},
		{chatBody("Where is it?", `"user":"me"`, `"metadata":{"a":"b"}`), "answer", "exact"},
		{chatBody("Where is it?", `"reasoning_effort":"low"`), "miss", ""},
		{chatBody("Where is it?", `"reasoning_effort":"high"`), "miss", ""},
		{chatBody("Where is it?", `"reasoning_effort":"low"`), "answer", "exact"},
		{chatBody("Where is it?", `"response_format":{"type":"json_object"}`), "miss", ""},
		{chatBody("Where is it?", `"temperature":1`), "bypass", ""},
	} {
		r, text := b.ask(t, test.body)
		if r.header.Get(headerAction) != test.action || r.header.Get(headerKind) != test.kind || text != "Niamey." {
			t.Errorf("%s: %s %s %q", test.body, r.header.Get(headerAction), r.header.Get(headerKind), text)
		}
	}
	if b.calls() != 5 {
		t.Errorf("%d requests to the upstream", b.calls())
	}
}

func TestUpstream_ImagesTellRequestsApart(t *testing.T) {
	b := startBehind(t, tells("A cat."))
	with := func(url string) string {
		return `{"messages":[{"role":"user","content":[{"type":"text","text":"What is it?"},{"type":"image_url","image_url":{"url":"` + url + `"}}]}]}`
	}
	for i, want := range []string{"miss", "answer", "miss"} {
		url := []string{"http://x/1", "http://x/1", "http://x/2"}[i]
		if r, _ := b.ask(t, with(url)); r.header.Get(headerAction) != want {
			t.Errorf("image %s: %s, want %s", url, r.header.Get(headerAction), want)
		}
	}
	if !strings.Contains(b.asked[0], `"url":"http://x/1"`) {
		t.Error(b.asked[0])
	}
}

func TestUpstream_ToolCallsAreReplayedWithTheirIDs(t *testing.T) {
	b := startBehind(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_x","function":{"name":"look","arguments":"{\"a\": 1}"}}]}}]}`+"\n\n"+
			`data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`+"\n\ndata: [DONE]\n\n")
	})
	body := chatBody("Look.", `"tools":[{"type":"function","function":{"name":"look"}}]`)
	for _, want := range []string{"miss", "answer"} {
		r := b.send(t, "POST", chatPath, body)
		call := at(t, r.body, "choices", 0, "message", "tool_calls", 0)
		if got := fmt.Sprint(call); r.header.Get(headerAction) != want || got != `map[function:map[arguments:{"a": 1} name:look] id:call_x type:function]` {
			t.Errorf("%s: %s", r.header.Get(headerAction), got)
		}
		if at(t, r.body, "choices", 0, "finish_reason") != "tool_calls" {
			t.Error(r.body)
		}
	}
}

func TestUpstream_ABrokenStreamIsAnErrorAndNotStored(t *testing.T) {
	broken := true
	b := startBehind(t, func(w http.ResponseWriter, r *http.Request) {
		if broken {
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Nia\"}}]}\n\n")
			return
		}
		tells("Niamey.")(w, r)
	})
	r := b.send(t, "POST", chatPath, chatBody("Where?", `"stream":true`))
	if said(t, r.body, 0) != "Nia" || !strings.Contains(r.body, `"error"`) || strings.Contains(r.body, "[DONE]") {
		t.Errorf("%s", r.body)
	}
	if r := b.send(t, "POST", chatPath, chatBody("Where?")); r.status != 503 {
		t.Errorf("%d %s", r.status, r.body)
	}
	broken = false
	if r, _ := b.ask(t, chatBody("Where?")); r.header.Get(headerAction) != "miss" {
		t.Errorf("what broke off serves: %v", r.header)
	}
}

func TestUpstream_ErrorsKeepTheirStatusAndNobodySeesTheKey(t *testing.T) {
	for _, status := range []int{400, 401, 404, 429, 500, 503} {
		b := startBehind(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"error":{"message":"no, %s","type":"t","code":"c"}}`, upstreamKey)
		})
		r := b.send(t, "POST", chatPath, chatBody("Where?"))
		message, _ := at(t, r.body, "error", "message").(string)
		if r.status != status || message == "" {
			t.Errorf("%d: %d %s", status, r.status, r.body)
		}
		if status == 429 && r.header.Get("Retry-After") != "7" {
			t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
		}
		metrics := b.look(t, "GET", "/metrics", "").body
		if all := r.body + b.lines.String() + metrics + fmt.Sprint(r.header); strings.Contains(all, upstreamKey) {
			t.Errorf("%d: the key is shown: %s", status, all)
		}
	}
}

func TestUpstream_EqualRequestsShareOneAndTheLastToLeaveStopsIt(t *testing.T) {
	gone, began := make(chan struct{}), make(chan struct{}, 9)
	b := startBehind(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(200)
		_ = http.NewResponseController(w).Flush()
		began <- struct{}{}
		<-r.Context().Done()
		close(gone)
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			r, _ := http.NewRequestWithContext(ctx, "POST", b.api.URL+chatPath, strings.NewReader(chatBody("Where?")))
			r.Header.Set("Content-Type", "application/json")
			if _, err := http.DefaultClient.Do(r); !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		})
	}
	<-began
	eventually(t, "all three wait", func() bool { return b.server.running.n.Load() == 3 })
	cancel()
	all.Wait()
	<-gone
	if b.calls() != 1 {
		t.Errorf("%d requests to the upstream", b.calls())
	}
}
