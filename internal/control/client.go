package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// callTimeout bounds an operation. The owner answers in milliseconds unless it is stopped or stuck.
const callTimeout = 20 * time.Second

// errGone means that the owner ended before it answered.
var errGone = errors.New("the process that has the store ended")

// client asks the owner of a store.
type client struct {
	http http.Client
}

// dial connects to the owner of the store in dir. It fails where nobody listens.
func dial(ctx context.Context, dir string) (*client, hello, error) {
	c := &client{}
	c.http.Transport = &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return dialSocket(ctx, dir) },
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     idleTimeout / 2, // before the owner's, so that no call meets a closing connection
	}
	h, err := call[none, hello](ctx, c, opHello, none{})
	if err != nil {
		c.close()
		return nil, hello{}, err
	}
	return c, h, nil
}

func dialSocket(ctx context.Context, dir string) (net.Conn, error) {
	address, done, err := shorten(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(address, socketName))
}

// close ends the connections that no call uses. Calls under way go on.
func (c *client) close() { c.http.CloseIdleConnections() }

// call does an operation.
func call[In, Out any](ctx context.Context, c *client, op string, in In) (out Out, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("control: %s: %w", op, err)
	}
	limited, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, http.MethodPost, "http://store"+path(op), bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return out, broken(ctx, limited, err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return out, &base.Error{Sentinel: ErrOwner, Message: "the process that has the store is another version of kvasir",
			Hint: "stop it, or start it again with this version"}
	default:
		return out, fmt.Errorf("%w: %s: %s", ErrOwner, op, response.Status)
	}
	var r reply[Out]
	if err := json.NewDecoder(response.Body).Decode(&r); err != nil {
		return out, broken(ctx, limited, err)
	}
	return r.Result, r.Error.err()
}

// broken says why a call got no answer: the caller left, the owner does not answer, or it is gone.
func broken(ctx, limited context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return &base.Error{Sentinel: ErrOwner, Message: fmt.Sprintf("the process that has the store did not answer in %v", callTimeout),
			Hint: "it may be stopped; end it, or choose another store"}
	}
	return fmt.Errorf("%w: %w", errGone, err)
}

// done is the receipt of an answer that is safe already.
type done struct{ rememberResult }

func (done) Wait(context.Context) error { return nil }

// KeepsState implements engine.StateReceipt.
func (d done) KeepsState() bool { return !d.Stateless }

func (c *client) Lookup(ctx context.Context, q *engine.Query) (*engine.Found, error) {
	return call[*engine.Query, *engine.Found](ctx, c, opLookup, q)
}

// Remember returns when the answer is safe.
func (c *client) Remember(ctx context.Context, q *engine.Query, r *engine.Result) (engine.Receipt, error) {
	said, err := call[rememberArgs, rememberResult](ctx, c, opRemember, rememberArgs{q, r})
	return done{said}, err
}

func (c *client) Stats(ctx context.Context) (map[string]float64, error) {
	return call[none, map[string]float64](ctx, c, opStats, none{})
}

func (c *client) List(ctx context.Context, from string, limit int) ([]engine.Entry, string, error) {
	r, err := call[listArgs, listResult](ctx, c, opList, listArgs{from, limit})
	return r.Entries, r.Next, err
}

func (c *client) Get(ctx context.Context, id string) (*engine.Entry, error) {
	return call[string, *engine.Entry](ctx, c, opGet, id)
}

func (c *client) Remove(ctx context.Context, id string) error {
	_, err := call[string, none](ctx, c, opRemove, id)
	return err
}

func (c *client) Why(ctx context.Context, q *engine.Query) (*engine.Why, error) {
	return call[*engine.Query, *engine.Why](ctx, c, opWhy, q)
}

func (c *client) Resume(ctx context.Context, q *engine.StateQuery) (*engine.Lease, error) {
	return call[*engine.StateQuery, *engine.Lease](ctx, c, opResume, q)
}

func (c *client) Settle(ctx context.Context, lease uint64, r *base.StateReport, save bool) (*engine.Settled, error) {
	return call[settleArgs, *engine.Settled](ctx, c, opSettle, settleArgs{lease, r, save})
}
