package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// call is a request whose answer has begun. It belongs to one goroutine, which closes it.
type call struct {
	host    *Host
	body    io.ReadCloser
	events  bool // the answer comes as events
	end     context.CancelCauseFunc
	ctx     context.Context
	silence *time.Timer
}

func (c *call) close() {
	c.silence.Stop()
	c.end(nil) // ends what the upstream still computes
	_ = c.body.Close()
}

// Read reads the answer, and fails where the upstream is silent for too long.
func (c *call) Read(b []byte) (int, error) {
	c.silence.Reset(c.host.options.Timeout)
	n, err := c.body.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		if cause := context.Cause(c.ctx); cause != nil {
			return n, cause
		}
		return n, broken("%s", c.host.tidy(err.Error(), mostMessage))
	}
	return n, err
}

// mostAnswer bounds what an upstream may send for one request, in bytes.
const mostAnswer = 64 << 20

// json reads an answer that comes whole.
func (c *call) json(v any) error {
	data, err := io.ReadAll(io.LimitReader(c, mostAnswer))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return broken("it is no JSON of an answer")
	}
	return nil
}

// begin sends a request, again where that is safe, and returns when the answer begins. The caller closes it.
func (h *Host) begin(ctx context.Context, path string, body []byte) (*call, error) {
	for try := 0; ; try++ {
		c, err := h.try(ctx, path, body)
		if err == nil || try >= h.options.Retries {
			return c, err
		}
		wait, again := pause(err, try)
		if deadline, ok := ctx.Deadline(); !again || ok && time.Until(deadline) <= wait {
			return nil, err
		}
		if h.options.Sleep(ctx.Done(), wait); ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

const (
	firstPause = 500 * time.Millisecond
	mostPause  = 30 * time.Second // an upstream that wants more is believed, and the caller told
)

// pause says whether a request may be sent again, and after which time: the upstream's, or twice the last one
// with chance in it, so that those who failed together do not come back together.
func pause(err error, try int) (wait time.Duration, again bool) {
	var failure *Failure
	var dialled *notBegun
	switch {
	case errors.As(err, &dialled):
	case errors.As(err, &failure) && failure.mayPass():
		if failure.after > 0 {
			return failure.after, failure.after <= mostPause
		}
	default:
		return 0, false
	}
	most := min(firstPause<<min(try, 6), mostPause)
	return most/2 + rand.N(most/2), true
}

// mayPass reports whether the upstream says that it has not begun and may later.
func (f *Failure) mayPass() bool {
	switch f.status.Status {
	case http.StatusServiceUnavailable:
		return true
	case http.StatusTooManyRequests:
		return f.status.Code != "insufficient_quota" && f.status.Type != "insufficient_quota"
	}
	return false
}

// notBegun is the error of a request of which nothing was sent.
type notBegun struct{ error }

func (n *notBegun) Unwrap() error { return n.error }

// Final implements base.Final.
func (*notBegun) Final() {}

// try sends a request once.
func (h *Host) try(ctx context.Context, path string, body []byte) (*call, error) {
	ctx, end := context.WithCancelCause(ctx)
	c := &call{host: h, ctx: ctx, end: end}
	c.silence = time.AfterFunc(h.options.Timeout, func() { end(errSilent) })
	response, err := h.send(ctx, path, body)
	if err != nil {
		c.silence.Stop()
		defer end(nil)
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		if dialling(err) {
			return nil, &notBegun{h.unreached(err)}
		}
		return nil, h.unreached(err)
	}
	c.body = response.Body
	if response.StatusCode != http.StatusOK {
		defer c.close()
		text, _ := io.ReadAll(io.LimitReader(c, mostError)) // what there is of it
		return nil, h.failureOf(response.StatusCode, response.Header, text)
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	c.events = kind == "text/event-stream"
	return c, nil
}

func (h *Host) send(ctx context.Context, path string, body []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.options.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, &base.Error{Sentinel: base.ErrInvalid, Message: "the upstream's URL is none"}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "text/event-stream, application/json")
	r.Header.Set("User-Agent", "kvasir")
	if key := h.key(); key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	return h.options.Client.Do(r)
}

// dialling reports whether no connection came about.
func dialling(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
