package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Tracer follows requests, for those who look at many servers at once. Its methods may be called from many
// goroutines.
type Tracer interface {
	// Start begins the span of a request to a route. The headers may name the span that it belongs to.
	Start(ctx context.Context, h http.Header, method, route string, began time.Time) Span
}

// Span is one request that is followed. It gets nothing of what was asked and answered. Steps may come from many
// goroutines.
type Span interface {
	// Step adds a part that is over.
	Step(name string, from, to time.Time, about ...slog.Attr)
	// End ends the span with the status that was sent.
	End(status int, about ...slog.Attr)
}

// follow begins the span of a request that infers, if somebody wants one.
func (x *exchange) follow() {
	if tracer := x.server.options.Tracer; tracer != nil {
		x.span = tracer.Start(x.r.Context(), x.r.Header, x.r.Method, x.note.endpoint, x.began)
	}
}

// followed ends the span, if there is one.
func (x *exchange) followed() {
	if x.span == nil {
		return
	}
	about := []slog.Attr{slog.String("kvasir.request_id", x.id)}
	if x.caller != nil && x.caller.Name != "" {
		about = append(about, slog.String("kvasir.tenant", x.caller.Name))
	}
	if n := &x.note; n.action != "" {
		about = append(about, slog.String("kvasir.action", n.action), slog.String("kvasir.kind", n.kind), slog.Float64("kvasir.score", n.score),
			slog.Int("gen_ai.usage.input_tokens", n.prompt), slog.Int("gen_ai.usage.output_tokens", n.answer))
	}
	x.span.End(x.note.status, about...)
}

// step adds the lookup of one job, and its inference if there was one, to the span.
func (x *exchange) step(o *outcome, began time.Time) {
	if x.span == nil {
		return
	}
	looked := began.Add(o.Lookup)
	x.span.Step("lookup", began, looked, slog.String("kvasir.action", o.decision.Action), slog.String("kvasir.kind", o.decision.Kind), slog.String("kvasir.strategy", o.Strategy))
	if o.Action == base.ActionAnswer {
		return
	}
	t := o.Result.Timings
	x.span.Step("inference", looked, time.Now(), slog.String("gen_ai.request.model", x.server.options.Name), slog.Bool("kvasir.shared", o.Shared),
		slog.Int("kvasir.restored_tokens", o.Result.Restored), slog.Float64("kvasir.queue_ms", milliseconds(t.Queue)),
		slog.Float64("kvasir.prefill_ms", milliseconds(t.Prefill)), slog.Float64("kvasir.decode_ms", milliseconds(t.Decode)))
}
