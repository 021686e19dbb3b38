package tracing

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	pb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collecting is a collector that keeps what it gets.
type collecting struct {
	*httptest.Server
	mu    sync.Mutex
	spans map[string]*pb.Span
	about string // of the program
	paths []string
}

func newCollector(t *testing.T) *collecting {
	c := &collecting{spans: map[string]*pb.Span{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &m); err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.paths = append(c.paths, r.URL.Path)
		for _, resource := range m.ResourceSpans {
			c.about = resource.Resource.String()
			for _, scope := range resource.ScopeSpans {
				for _, s := range scope.Spans {
					c.spans[s.Name] = s
				}
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func TestTracer_SendsARequestWithItsSteps(t *testing.T) {
	c := newCollector(t)
	tracer, err := Open(t.Context(), Options{Endpoint: c.URL + "/", Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now().Add(-time.Second)
	h := http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}
	s := tracer.Start(t.Context(), h, "POST", "/v1/chat/completions", began)
	s.Step("lookup", began, began.Add(20*time.Millisecond), slog.String("kvasir.kind", "exact"), slog.Float64("x", 0.5), slog.Bool("y", true))
	s.End(503, slog.Int("gen_ai.usage.input_tokens", 7))
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole, step := c.spans["POST /v1/chat/completions"], c.spans["lookup"]
	if whole == nil || step == nil {
		t.Fatalf("spans %v", c.spans)
	}
	if got := string(whole.TraceId); got != "\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c" || string(step.TraceId) != got || string(step.ParentSpanId) != string(whole.SpanId) {
		t.Errorf("the trace of the caller does not go on: %v, %v", whole, step)
	}
	if took := step.EndTimeUnixNano - step.StartTimeUnixNano; took != 20_000_000 || whole.StartTimeUnixNano != uint64(began.UnixNano()) {
		t.Errorf("the step took %d ns", took)
	}
	if whole.Status.Code != pb.Status_STATUS_CODE_ERROR || !strings.Contains(step.String(), "kvasir.kind") || !strings.Contains(whole.String(), "gen_ai.usage.input_tokens") {
		t.Errorf("%v, %v", whole, step)
	}
	if !strings.Contains(c.about, `"kvasir"`) || !strings.Contains(c.about, `"v1"`) || c.paths[0] != "/v1/traces" {
		t.Errorf("%s at %v", c.about, c.paths)
	}
}

func TestTracer_TakesWhatTheEnvironmentSays(t *testing.T) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED"} {
		t.Setenv(name, "")
	}
	if Wanted("") || !Wanted("http://127.0.0.1:4318") {
		t.Error("traces are wanted without an endpoint, or not with one")
	}
	c := newCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	t.Setenv("OTEL_SERVICE_NAME", "front")
	if !Wanted("") {
		t.Error("the environment does not count")
	}
	tracer, err := Open(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	tracer.Start(t.Context(), http.Header{}, "GET", "/", time.Now()).End(200)
	if err := tracer.Close(t.Context()); err != nil || c.spans["GET /"] == nil || !strings.Contains(c.about, `"front"`) {
		t.Errorf("%v, %v, %s", err, c.spans, c.about)
	}
	t.Setenv("OTEL_SDK_DISABLED", "true")
	if Wanted(c.URL) {
		t.Error("traces are wanted though they are off")
	}
}

// A collector that is not there takes no request's time, and Close gives up in time.
func TestTracer_DoesNotWaitForACollectorThatIsGone(t *testing.T) {
	c := newCollector(t)
	c.Close()
	tracer, err := Open(t.Context(), Options{Endpoint: c.URL})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for range 5000 {
		tracer.Start(t.Context(), http.Header{}, "GET", "/", time.Now()).End(200)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("5000 spans took %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began = time.Now()
	_ = tracer.Close(ctx)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("Close took %v", took)
	}
}
