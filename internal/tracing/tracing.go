// Package tracing sends spans of requests to whoever collects them, by OTLP over HTTP.
//
//	t, err := tracing.Open(ctx, tracing.Options{Endpoint: "http://127.0.0.1:4318"})
//	server.New(server.Options{Tracer: t, …})
//	defer t.Close(ctx)
//
// The variables of the environment that OpenTelemetry names count: where to send, with which headers, how many of
// the requests, under which name. A span says how long a request took and what the cache did, never what was
// asked or answered. Spans are sent in batches in the background; a collector that is not there costs nothing but
// spans.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/kvasir-cache/kvasir/internal/server"
)

// Options of a Tracer.
type Options struct {
	Endpoint string       // base URL of the collector; empty means that of the environment
	Version  string       // of the program
	Logger   *slog.Logger // hears what could not be sent; nil means nobody
}

// Wanted reports whether anybody wants spans: an endpoint is given, or the environment names one.
func Wanted(endpoint string) bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	return endpoint != "" || os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// Tracer follows requests. Its methods may be called from many goroutines.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	headers  propagation.TraceContext
}

var _ server.Tracer = (*Tracer)(nil)

// Open returns a tracer. It does not wait for the collector.
func Open(ctx context.Context, o Options) (*Tracer, error) {
	var options []otlptracehttp.Option
	if o.Endpoint != "" {
		options = append(options, otlptracehttp.WithEndpointURL(strings.TrimRight(o.Endpoint, "/")+"/v1/traces"))
	}
	if o.Logger != nil {
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { o.Logger.Warn("traces could not be sent", "error", err) }))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "kvasir"), attribute.String("service.version", o.Version)),
		resource.WithFromEnv()) // wins
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	t := &Tracer{provider: sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))}
	t.tracer = t.provider.Tracer("github.com/kvasir-cache/kvasir")
	return t, nil
}

// Close sends what is left, as long as ctx lasts.
func (t *Tracer) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// Start begins the span of a request, below the one that its headers name, if they name one.
func (t *Tracer) Start(ctx context.Context, h http.Header, method, route string, began time.Time) server.Span {
	ctx = t.headers.Extract(ctx, propagation.HeaderCarrier(h))
	ctx, s := t.tracer.Start(ctx, method+" "+route, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(began),
		trace.WithAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route)))
	return &span{t, ctx, s}
}

// span is a request under way.
type span struct {
	tracer *Tracer
	ctx    context.Context
	span   trace.Span
}

// Step adds a part of the request that is over.
func (s *span) Step(name string, from, to time.Time, about ...slog.Attr) {
	_, step := s.tracer.tracer.Start(s.ctx, name, trace.WithTimestamp(from), trace.WithAttributes(attributes(about)...))
	step.End(trace.WithTimestamp(to))
}

// End ends the span with the status that was sent.
func (s *span) End(status int, about ...slog.Attr) {
	s.span.SetAttributes(attribute.Int("http.response.status_code", status))
	s.span.SetAttributes(attributes(about)...)
	if status >= http.StatusInternalServerError {
		s.span.SetStatus(codes.Error, "")
	}
	s.span.End()
}

func attributes(about []slog.Attr) []attribute.KeyValue {
	all := make([]attribute.KeyValue, len(about))
	for i, a := range about {
		switch v := a.Value; v.Kind() {
		case slog.KindInt64:
			all[i] = attribute.Int64(a.Key, v.Int64())
		case slog.KindFloat64:
			all[i] = attribute.Float64(a.Key, v.Float64())
		case slog.KindBool:
			all[i] = attribute.Bool(a.Key, v.Bool())
		default:
			all[i] = attribute.String(a.Key, v.String())
		}
	}
	return all
}
