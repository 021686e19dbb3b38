package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

// follower notes what it is told.
type follower struct {
	mu    sync.Mutex
	notes []string
}

func (f *follower) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notes = append(f.notes, fmt.Sprintf(format, args...))
}

func (f *follower) Start(_ context.Context, h http.Header, method, route string, _ time.Time) Span {
	f.note("start %s %s %s", method, route, h.Get("Traceparent"))
	return f
}

func (f *follower) Step(name string, from, to time.Time, about ...slog.Attr) {
	if to.Before(from) {
		f.note("backwards")
	}
	f.note("step %s %v", name, about)
}

func (f *follower) End(status int, about ...slog.Attr) { f.note("end %d %v", status, about) }

func TestTracer_FollowsRequestsThatInferAndHearsNoTexts(t *testing.T) {
	f := &follower{}
	s := start(t, hosttest.Options{}, func(o *Options) { o.Tracer = f }, withTenants(Tenant{Name: "acme"}))
	s.ask(t, chatBody("secret question"), as("acme"), "Traceparent: 00-x")
	s.ask(t, chatBody("secret question"), as("acme"))
	s.send(t, "POST", chatPath, "{", as("acme"))
	s.send(t, "GET", "/health", "")
	all := strings.Join(f.notes, "\n")
	for _, want := range []string{
		"start POST /v1/chat/completions 00-x", "step lookup [kvasir.action=miss", "step inference [gen_ai.request.model=fake", "step lookup [kvasir.action=answer kvasir.kind=exact",
		"kvasir.tenant=acme kvasir.action=answer kvasir.kind=exact", "end 200", "end 400",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	if n := strings.Count(all, "start"); n != 3 || strings.Count(all, "step inference") != 1 || strings.Contains(all, "backwards") {
		t.Errorf("%d requests are followed:\n%s", n, all)
	}
	if strings.Contains(all, "secret") || strings.Contains(all, wanted("secret question")) || strings.Contains(all, "acme-key") {
		t.Errorf("a span has what was asked, answered or a key:\n%s", all)
	}
}
