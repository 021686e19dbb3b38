package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
)

const (
	maxBody      = 256 << 20        // bytes of one operation; a prompt may have 32 MiB, and JSON makes it longer
	drainTimeout = 5 * time.Second  // for operations under way when the owner closes
	idleTimeout  = 30 * time.Second // of a connection
)

// server answers other processes for the owner of a store.
type server struct {
	http   *http.Server
	socket string
	ended  chan struct{}
}

// listen makes the socket in dir, in place of one that a dead owner left. The caller holds the store.
func listen(dir string, e *engine.Engine, settings map[string]string) (*server, error) {
	l, err := bind(dir)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	s := &server{socket: filepath.Join(dir, socketName), ended: make(chan struct{})}
	s.http = &http.Server{Handler: routes(e, settings), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: idleTimeout}
	go func() {
		defer close(s.ended)
		_ = s.http.Serve(l) // ends when it is shut down
	}()
	return s, nil
}

// bind makes the socket under a name of its own, gives it mode 0600 and then its name, so that nobody can
// open it before.
func bind(dir string) (net.Listener, error) {
	left, _ := filepath.Glob(filepath.Join(dir, socketName+".new-*")) // by an owner that was killed just here
	for _, name := range left {
		_ = os.RemoveAll(name)
	}
	private, err := os.MkdirTemp(dir, socketName+".new-") // mode 0700
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(private) }()
	address, done, err := shorten(private)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(address, "s"), Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	made := filepath.Join(private, "s")
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, filepath.Join(dir, socketName))); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// close takes the socket away, so that others wait for the store instead of asking, and waits for the
// operations under way.
func (s *server) close() {
	_ = os.Remove(s.socket)
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	<-s.ended
}

func routes(e *engine.Engine, settings map[string]string) http.Handler {
	mux := http.NewServeMux()
	route(mux, opHello, func(context.Context, none) (hello, error) {
		return hello{PID: os.Getpid(), Settings: settings, Sealed: e.Sealed()}, nil
	})
	route(mux, opLookup, func(ctx context.Context, q *engine.Query) (*engine.Found, error) { return e.Lookup(ctx, q) })
	route(mux, opRemember, func(ctx context.Context, a rememberArgs) (out rememberResult, err error) {
		receipt, err := e.Remember(ctx, a.Query, a.Result)
		if err != nil {
			return out, err
		}
		if says, ok := receipt.(engine.StateReceipt); ok {
			out.Stateless = !says.KeepsState()
		}
		return out, receipt.Wait(ctx)
	})
	route(mux, opStats, func(ctx context.Context, _ none) (map[string]float64, error) { return e.Stats(ctx) })
	route(mux, opList, func(ctx context.Context, a listArgs) (r listResult, err error) {
		r.Entries, r.Next, err = e.List(ctx, a.From, a.Limit)
		return r, err
	})
	route(mux, opGet, func(ctx context.Context, id string) (*engine.Entry, error) { return e.Get(ctx, id) })
	route(mux, opRemove, func(ctx context.Context, id string) (none, error) { return none{}, e.Remove(ctx, id) })
	route(mux, opPin, func(ctx context.Context, a pinArgs) (none, error) { return none{}, e.Pin(ctx, a.ID, a.Pinned) })
	route(mux, opForget, func(ctx context.Context, a forgetArgs) (*engine.Forgotten, error) {
		return e.Forget(ctx, a.Filter, a.From, a.Dry)
	})
	route(mux, opCompact, func(ctx context.Context, dry bool) (*engine.CompactReport, error) { return e.Compact(ctx, dry) })
	route(mux, opHistory, func(ctx context.Context, hours int) ([]engine.Hour, error) { return e.History(ctx, hours) })
	route(mux, opWhy, func(ctx context.Context, q *engine.Query) (*engine.Why, error) { return e.Why(ctx, q) })
	route(mux, opResume, func(ctx context.Context, q *engine.StateQuery) (*engine.Lease, error) { return e.Resume(ctx, q) })
	route(mux, opSettle, func(ctx context.Context, a settleArgs) (*engine.Settled, error) {
		return e.Settle(ctx, a.Lease, a.Report, a.Save)
	})
	routeTransfer(mux, e)
	routeStateTransfer(mux, e)
	routeFeedback(mux, e)
	return mux
}

func path(op string) string { return "/control/" + version + "/" + op }

// route answers an operation by f.
func route[In, Out any](mux *http.ServeMux, op string, f func(context.Context, In) (Out, error)) {
	mux.HandleFunc("POST "+path(op), func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := decode(http.MaxBytesReader(w, r.Body, maxBody), &in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out, err := guarded(func() (Out, error) { return f(r.Context(), in) })
		answer, err := json.Marshal(reply[Out]{Result: out, Error: toWire(err)})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer) // fails if the caller is gone
	})
}

// guarded makes a panic an error, so that the caller hears of it and does not ask again.
func guarded[Out any](f func() (Out, error)) (out Out, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrOwner, p)
		}
	}()
	return f()
}

func decode(r io.Reader, v any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	return d.Decode(v)
}
