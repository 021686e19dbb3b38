package server

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/internal/openai"
)

// exchange is one request and its answer.
type exchange struct {
	server *Server
	access *access
	w      *recorder
	r      *http.Request
	id     string
	began  time.Time
	caller *caller
	name   string // what the path is the rest of, for routes that end in one
	body   []byte
	note   note
	span   Span // nil unless somebody follows the request

	headers sync.Mutex // of w, while a sign of life may begin a stream and a decision has headers to set
}

// note is what the log and the metrics say of an exchange.
type note struct {
	endpoint string
	status   int // if another than was sent
	action   string
	kind     string
	score    float64
	prompt   int // tokens
	answer   int
}

// recorder notes what was sent.
type recorder struct {
	http.ResponseWriter
	wrote  bool
	status int
	bytes  int64
}

func (w *recorder) WriteHeader(status int) {
	if !w.wrote {
		w.wrote, w.status = true, status
	}
	w.hurry() // the last answer of this connection may have left a moment that has passed
	w.ResponseWriter.WriteHeader(status)
}

// hurry gives the client only so long to take what comes next, where the connection can do that.
func (w *recorder) hurry() {
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(writeTime))
}

// Write gives a client that takes nothing only so long.
func (w *recorder) Write(b []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	w.hurry()
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// serve answers a request by the routes of a listener.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, routes routes, identify func(*access, *http.Request) (*caller, error)) {
	x := &exchange{server: s, access: s.access.Load(), w: &recorder{ResponseWriter: w}, r: r, id: newID("req_"), began: time.Now()}
	if r.ContentLength != 0 {
		// It counts as well for what is left of the body of a request that is refused.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.bodyTime))
	}
	x.w.Header().Set("X-Request-Id", x.id)
	x.w.Header().Set("X-Content-Type-Options", "nosniff")
	defer x.finish()
	if err := x.answer(routes, identify); err != nil {
		x.fail(err)
	}
}

// answer finds the route of a request, checks that it may be taken, and takes it.
func (x *exchange) answer(routes routes, identify func(*access, *http.Request) (*caller, error)) error {
	if err := x.access.checkSource(x.r); err != nil {
		return err
	}
	x.allowOrigin()
	route, err := x.route(routes)
	if err != nil || route == nil {
		return err
	}
	if x.caller = x.access.anyone; !route.open {
		if x.caller, err = identify(x.access, x.r); err != nil {
			return err
		}
	}
	if route.limited {
		x.follow()
		leave, err := x.enter()
		if err != nil {
			return err
		}
		defer leave()
	}
	if route.body {
		if x.body, err = readBody(x.w, x.r, x.maxBody()); err != nil {
			return err
		}
	}
	if x.access.Timeout > 0 {
		ctx, cancel := context.WithTimeout(x.r.Context(), x.access.Timeout)
		defer cancel()
		return route.handle(ctx, x)
	}
	return route.handle(x.r.Context(), x)
}

// enter counts a request against the limits there are.
func (x *exchange) enter() (leave func(), err error) {
	if x.server.stopping.Load() {
		return nil, limited{&openai.Error{Status: http.StatusServiceUnavailable, Type: openai.TypeServer, Code: "stopping", Message: errStopping.Error()}, defaultWait}
	}
	if wait, ok := x.caller.use.bucket.take(x.server.options.Now(), x.caller.RequestsPerMinute); !ok {
		return nil, tooMany(wait, fmt.Sprintf("more than %d requests a minute", x.caller.RequestsPerMinute))
	}
	if !x.caller.use.running.enter(x.caller.Concurrent) {
		return nil, tooMany(x.server.pace.wait(), fmt.Sprintf("more than %d requests at once", x.caller.Concurrent))
	}
	if !x.server.running.enter(x.access.Concurrent) {
		x.caller.use.running.leave()
		return nil, tooMany(x.server.pace.wait(), "the server has as many requests as it takes at once")
	}
	return func() {
		x.server.running.leave()
		x.caller.use.running.leave()
	}, nil
}

func (x *exchange) maxBody() int64 {
	if own := x.caller.MaxBody; own > 0 {
		return min(own, x.access.MaxBody)
	}
	return x.access.MaxBody
}

// finish notes what became of a request. A panic ends this request only.
func (x *exchange) finish() {
	if p := recover(); p != nil {
		x.server.options.Logger.Error("request panicked", "id", x.id, "panic", p, "stack", string(debug.Stack()))
		x.fail(&openai.Error{Status: http.StatusInternalServerError, Type: openai.TypeServer, Code: "internal", Message: "the server failed; its log says why under " + x.id})
		if x.w.wrote && x.w.status != http.StatusInternalServerError {
			defer panic(http.ErrAbortHandler) // what was sent is not whole, and the client has to see that
		}
	}
	if x.note.status == 0 {
		x.note.status = x.w.status
	}
	took := time.Since(x.began)
	x.server.metrics.request(&x.note, took)
	x.server.history.record(x.note.action, took)
	x.followed()
	x.log(took)
}

// log writes the line of a request, with nothing of what was asked or answered.
func (x *exchange) log(took time.Duration) {
	attributes := []slog.Attr{
		slog.String("id", x.id), slog.String("method", clean(x.r.Method)), slog.String("path", clean(x.r.URL.Path)), slog.Int("status", x.note.status),
		slog.Float64("ms", float64(took.Microseconds())/1000), slog.Int64("bytes", x.w.bytes), slog.String("from", x.r.RemoteAddr),
	}
	if x.caller != nil && x.caller.Name != "" {
		attributes = append(attributes, slog.String("tenant", x.caller.Name))
	}
	if x.note.action != "" {
		attributes = append(attributes, slog.String("action", x.note.action), slog.String("kind", x.note.kind), slog.Float64("score", x.note.score),
			slog.Int("prompt_tokens", x.note.prompt), slog.Int("completion_tokens", x.note.answer))
	}
	x.server.options.Requests.LogAttrs(context.WithoutCancel(x.r.Context()), slog.LevelInfo, "request", attributes...)
}

// clean cuts what somebody sent to what a header or a line of a log can take.
func clean(text string) string {
	const most = 200
	cleaned := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	if len(cleaned) > most {
		return cleaned[:most-3] + "..."
	}
	return cleaned
}

// json answers with a value.
func (x *exchange) json(status int, v any) error {
	body, err := openai.Encode(v)
	if err != nil {
		return err
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(status)
	_, err = x.w.Write(body)
	return err
}

// newID returns an id that nobody guesses.
func newID(prefix string) string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // it never fails
	return prefix + strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}
