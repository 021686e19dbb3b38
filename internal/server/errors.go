package server

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/openai"
)

// statusGone is what the log says of a request whose client left; nobody gets it.
const statusGone = 499

// limited is an error that goes away by itself.
type limited struct {
	error *openai.Error
	wait  time.Duration
}

func (l limited) Error() string { return l.error.Error() }
func (l limited) Unwrap() error { return l.error }

func tooMany(wait time.Duration, message string) error {
	return limited{&openai.Error{Status: http.StatusTooManyRequests, Type: openai.TypeRateLimit, Code: "rate_limit_exceeded", Message: message}, wait}
}

// clientError is how a client is told of an error. Errors without a name of ours are only logged.
func (x *exchange) clientError(err error) *openai.Error {
	var known *openai.Error
	server := func(status int, code, message string) *openai.Error {
		return &openai.Error{Status: status, Type: openai.TypeServer, Code: code, Message: message}
	}
	invalid := func(code string) *openai.Error {
		return &openai.Error{Status: http.StatusBadRequest, Type: openai.TypeInvalid, Code: code, Message: err.Error()}
	}
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(context.Cause(x.r.Context()), errStopping):
		return server(http.StatusServiceUnavailable, "stopping", errStopping.Error())
	case x.r.Context().Err() != nil:
		return server(statusGone, "", "the client left")
	case errors.Is(err, context.DeadlineExceeded):
		return server(http.StatusGatewayTimeout, "timeout", "the answer took longer than the server allows")
	case errors.Is(err, engine.ErrNotStored):
		return server(http.StatusGatewayTimeout, "not_stored", err.Error())
	case errors.Is(err, base.ErrTooLong):
		return invalid("context_length_exceeded")
	case errors.Is(err, base.ErrUnsupported):
		return invalid(openai.CodeUnsupported)
	case errors.Is(err, base.ErrInvalid):
		return invalid(openai.CodeInvalidValue)
	case errors.Is(err, engine.ErrNotFound):
		return &openai.Error{Status: http.StatusNotFound, Type: openai.TypeInvalid, Code: "not_found", Message: err.Error()}
	case errors.Is(err, base.ErrOverloaded):
		return &openai.Error{Status: http.StatusTooManyRequests, Type: openai.TypeRateLimit, Code: "overloaded", Message: err.Error()}
	case errors.Is(err, base.ErrUnavailable), errors.Is(err, base.ErrModel):
		return server(http.StatusServiceUnavailable, "unavailable", err.Error())
	}
	x.server.options.Logger.Error("request failed", "id", x.id, "error", err)
	return server(http.StatusInternalServerError, "internal", "the server failed; its log says why under "+x.id)
}

// fail answers with an error. If the answer has begun, it is only noted.
func (x *exchange) fail(err error) {
	e := x.clientError(err)
	x.note.status = e.Status
	if x.w.wrote || e.Status == statusGone {
		return
	}
	var soon limited
	var later interface{ RetryAfter() time.Duration }
	switch {
	case errors.As(err, &soon):
		x.w.Header().Set("Retry-After", strconv.Itoa(max(1, seconds(soon.wait))))
	case errors.As(err, &later) && later.RetryAfter() > 0:
		x.w.Header().Set("Retry-After", strconv.Itoa(seconds(later.RetryAfter())))
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusServiceUnavailable:
		x.w.Header().Set("Retry-After", strconv.Itoa(seconds(x.server.pace.wait())))
	case e.Status == http.StatusUnauthorized:
		x.w.Header().Set("WWW-Authenticate", "Bearer")
	}
	_ = x.json(e.Status, e) // fails if the client left
}
