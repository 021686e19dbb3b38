package server

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

func TestFlow_EqualRequestsShareOneInference(t *testing.T) {
	f := start(t, hosttest.Options{})
	gate := f.host.Hold(hosttest.AtChunk)
	const callers = 200
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			body, text := chatBody("hello"), func(r reply) any { return at(t, r.body, "choices", 0, "message", "content") }
			if i%2 == 1 {
				body, text = chatBody("hello", `"stream":true`), func(r reply) any { return said(t, r.body, 0) }
			}
			if r := f.send(t, "POST", chatPath, body); r.status != 200 || text(r) != wanted("hello") {
				t.Errorf("caller %d: %d %s", i, r.status, r.body)
			}
		})
	}
	<-gate.Arrived()
	eventually(t, "all are there", func() bool { return f.server.running.n.Load() == callers })
	gate.Open()
	all.Wait()
	if n := f.host.Calls(hosttest.Generate); n != 1 {
		t.Errorf("%d inferences", n)
	}
}

// leaveStream begins a stream, reads its first event, and leaves.
func leaveStream(t *testing.T, f *fixture, body string) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	r, err := http.NewRequestWithContext(ctx, "POST", f.api.URL+chatPath, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := f.api.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if line, err := bufio.NewReader(response.Body).ReadString('\n'); err != nil || !strings.HasPrefix(line, "data: ") {
		t.Fatalf("%q, %v", line, err)
	}
}

func TestFlow_WhoLeavesStopsTheInference(t *testing.T) {
	f := start(t, hosttest.Options{Parallel: 1})
	leaveStream(t, f, chatBody(hosttest.HangPrompt, `"stream":true`))
	// The only slot is free again, though the answer would never have ended.
	f.ask(t, chatBody("another"))
	if r := f.send(t, "POST", chatPath, chatBody(hosttest.HangPrompt), "Cache-Control: only-if-cached"); r.status != 504 {
		t.Errorf("half an answer was remembered: %d %s", r.status, r.body)
	}
	eventually(t, "the log tells", func() bool { return strings.Contains(f.lines.String(), "status=499") })
}

func TestFlow_WhoLeavesDoesNotStopItForOthers(t *testing.T) {
	f := start(t, hosttest.Options{})
	gate := f.host.Hold(hosttest.AtChunk)
	done := make(chan reply)
	go func() { done <- f.send(t, "POST", chatPath, chatBody("hello", `"stream":true`)) }()
	<-gate.Arrived()
	leaveStream(t, f, chatBody("hello", `"stream":true`))
	gate.Open()
	if r := <-done; said(t, r.body, 0) != wanted("hello") || !strings.Contains(r.body, "[DONE]") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if n := f.host.Calls(hosttest.Generate); n != 1 {
		t.Errorf("%d inferences", n)
	}
}

// A stream whose host dies says so, does not end as whole streams do, and is not remembered.
func TestFlow_BrokenStreams(t *testing.T) {
	f := start(t, hosttest.Options{})
	r := f.send(t, "POST", chatPath, chatBody(hosttest.AbortPrompt, `"stream":true`))
	all := events(r.body)
	if last := all[len(all)-1]; r.status != 200 || at(t, last, "error", "code") != "unavailable" {
		t.Errorf("%d %q", r.status, all)
	}
	if r := f.send(t, "POST", chatPath, chatBody(hosttest.AbortPrompt)); r.status != 503 || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := f.send(t, "POST", chatPath, chatBody(hosttest.AbortPrompt), "Cache-Control: only-if-cached"); r.status != 504 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// While a prompt is read nothing is said, and proxies are told that the stream lives.
func TestFlow_StreamsShowLife(t *testing.T) {
	f := start(t, hosttest.Options{})
	f.server.waitPeriod = 5 * time.Millisecond
	gate := f.host.Hold(hosttest.AtStart)
	r, err := f.api.Client().Post(f.api.URL+chatPath, "application/json", strings.NewReader(chatBody("hello", `"stream":true`)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() && lines.Text() != ": wait" {
	}
	gate.Open()
	body := ""
	for lines.Scan() {
		body += lines.Text() + "\n"
	}
	if said(t, body, 0) != wanted("hello") || !strings.Contains(body, "[DONE]") {
		t.Errorf("after it: %s", body)
	}
}

func TestFlow_GoroutinesStayFlat(t *testing.T) {
	f := start(t, hosttest.Options{}, func(o *Options) { o.Settings.Timeout = time.Minute })
	once := func() {
		f.ask(t, chatBody("hello"))
		f.send(t, "POST", chatPath, chatBody("hello", `"stream":true`))
		f.send(t, "POST", chatPath, chatBody("hello", `"n":2`, `"temperature":1`))
		f.send(t, "POST", chatPath, "{")
		leaveStream(t, f, chatBody(hosttest.HangPrompt, `"stream":true`))
	}
	once()
	eventually(t, "it is quiet", func() bool { return f.server.running.n.Load() == 0 })
	before := runtime.NumGoroutine()
	for range 50 {
		once()
	}
	eventually(t, fmt.Sprintf("back to %d goroutines", before), func() bool {
		f.api.CloseClientConnections()
		return runtime.NumGoroutine() <= before+5
	})
}

func TestServe_DrainsAndEnds(t *testing.T) {
	f := start(t, hosttest.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := contextOf(t)
	ended := make(chan error, 1)
	go func() { ended <- f.server.Serve(ctx, Listeners{API: l, Drain: time.Minute}) }()
	gate := f.host.Hold(hosttest.AtChunk)
	done := make(chan reply, 1)
	go func() {
		done <- sendTo(t, "http://"+l.Addr().String(), "POST", chatPath, chatBody("hello", `"stream":true`))
	}()
	<-gate.Arrived()
	stop()
	eventually(t, "it stops", f.server.stopping.Load)
	eventually(t, "no new connections", func() bool {
		c, err := net.Dial("tcp", l.Addr().String())
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	gate.Open()
	if r := <-done; said(t, r.body, 0) != wanted("hello") || !strings.Contains(r.body, "[DONE]") {
		t.Errorf("what was under way: %d %s", r.status, r.body)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// What outlasts the drain is told so.
func TestServe_EndsWhatOutlastsTheDrain(t *testing.T) {
	f := start(t, hosttest.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := contextOf(t)
	ended := make(chan error, 1)
	go func() { ended <- f.server.Serve(ctx, Listeners{API: l, Drain: time.Millisecond}) }()
	streamed, whole := make(chan reply, 1), make(chan reply, 1)
	for body, into := range map[string]chan reply{chatBody("a"+hosttest.HangPrompt, `"stream":true`): streamed, chatBody("b" + hosttest.HangPrompt): whole} {
		go func() { into <- sendTo(t, "http://"+l.Addr().String(), "POST", chatPath, body) }()
	}
	eventually(t, "both are under way", func() bool { return f.host.Calls(hosttest.Generate) == 2 && f.host.Waiting() == 0 })
	eventually(t, "both are under way", func() bool { return f.server.running.n.Load() == 2 })
	stop()
	if r := <-streamed; !strings.Contains(r.body, `"code":"stopping"`) || strings.Contains(r.body, "[DONE]") {
		t.Errorf("stream: %d %s", r.status, r.body)
	}
	if r := <-whole; r.status != 503 || at(t, r.body, "error", "code") != "stopping" {
		t.Errorf("answer: %d %s", r.status, r.body)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
