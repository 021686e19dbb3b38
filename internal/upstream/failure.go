package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/openai"
)

// Failure is an error that the upstream answered with. It unwraps to the *openai.Error that clients get and to
// the sentinel of package base that callers branch on.
type Failure struct {
	status   *openai.Error
	sentinel error
	after    time.Duration
}

func (f *Failure) Error() string { return f.status.Message }

// Unwrap returns both.
func (f *Failure) Unwrap() []error { return []error{f.status, f.sentinel} }

// RetryAfter is how long the upstream wants to be left alone; 0 means that it did not say.
func (f *Failure) RetryAfter() time.Duration { return f.after }

// Final implements base.Final: whoever asks the same now hears the same.
func (*Failure) Final() {}

// mostError is how much of an error is read, and mostMessage how much of it is shown, in bytes.
const (
	mostError   = 64 << 10
	mostMessage = 1000
)

// failureOf reads an error of an upstream. Messages about the key are not shown: some repeat parts of it.
func (h *Host) failureOf(status int, header http.Header, body []byte) *Failure {
	e := &openai.Error{Status: status, Type: openai.TypeServer, Code: "upstream_error", Message: fmt.Sprintf("the upstream answered with status %d", status)}
	h.readError(e, body)
	f := &Failure{status: e, sentinel: base.ErrUnavailable, after: retryAfter(header, time.Now())}
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusProxyAuthRequired:
		*e = openai.Error{Status: status, Type: openai.TypeInvalid, Code: "upstream_refused",
			Message: fmt.Sprintf("the upstream refused the key that kvasir sent, or its use, with status %d", status)}
		f.sentinel = base.ErrInvalid
	case status == http.StatusTooManyRequests:
		f.sentinel = base.ErrOverloaded
	case status >= 400 && status < 500:
		f.sentinel = base.ErrInvalid
	case status < 400 || status > 599: // nothing that an answer begins with, or that means anything
		e.Status = http.StatusBadGateway
	}
	return f
}

// readError takes what it can from an error in OpenAI's shape, or from what resembles it.
func (h *Host) readError(e *openai.Error, body []byte) {
	var found struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
	}
	if json.Unmarshal(body, &found) != nil {
		return
	}
	about := struct {
		Message string `json:"message"`
		Type    string `json:"type"`
		Param   any    `json:"param"`
		Code    any    `json:"code"`
	}{Message: found.Message}
	if json.Unmarshal(found.Error, &about) != nil {
		_ = json.Unmarshal(found.Error, &about.Message) // some send a text
	}
	e.Message = "the upstream says: " + h.tidy(about.Message, mostMessage)
	if about.Message == "" {
		e.Message = fmt.Sprintf("the upstream answered with status %d", e.Status)
	}
	if about.Type != "" {
		e.Type = h.tidy(about.Type, 100)
	}
	if text, ok := about.Param.(string); ok {
		e.Param = h.tidy(text, 100)
	}
	switch code := about.Code.(type) {
	case string:
		e.Code = h.tidy(code, 100)
	case float64:
		e.Code = h.tidy(strconv.FormatFloat(code, 'f', -1, 64), 100)
	}
}

// tidy makes what an upstream wrote fit to be shown. The key goes after the rest was replaced and before the text is cut,
// so that neither makes one, or leaves a part of one.
func (h *Host) tidy(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if key := h.key(); key != "" {
		text = strings.ReplaceAll(text, key, "(key)")
	}
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// retryAfter reads seconds or a date.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// unreached is the error of a request that got no answer. Errors of net/http show the URL, which says nothing new.
func (h *Host) unreached(err error) error {
	var about *url.Error
	if errors.As(err, &about) {
		err = about.Err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &base.Error{Sentinel: base.ErrUnavailable, Message: "the upstream cannot be reached: " + h.tidy(err.Error(), mostMessage),
		Hint: "[upstream] url in cache.toml says where it is"}
}

// errSilent ends requests whose upstream says nothing for too long.
var errSilent = &openai.Error{Status: http.StatusGatewayTimeout, Type: openai.TypeServer, Code: "timeout",
	Message: "the upstream was silent for longer than [upstream] timeout"}

// broken is the error of an answer that cannot be used.
func broken(format string, args ...any) error {
	return &base.Error{Sentinel: base.ErrUnavailable, Message: "the upstream's answer is not whole: " + fmt.Sprintf(format, args...)}
}
