package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// Store is what a process can do with a store, whoever owns it.
type Store interface {
	engine.Cache
	engine.StateCache
	Stats(ctx context.Context) (map[string]float64, error)
	List(ctx context.Context, from string, limit int) (list []engine.Entry, next string, err error)
	Get(ctx context.Context, id string) (*engine.Entry, error)
	Remove(ctx context.Context, id string) error
	Keeper
	Why(ctx context.Context, q *engine.Query) (*engine.Why, error)
	Transfer
	StateTransfer
	Feedback
}

var (
	_ Store = (*engine.Engine)(nil)
	_ Store = (*client)(nil)
	_ Store = (*Session)(nil)
)

const (
	handOver  = 10 * time.Second      // longest time a store may be locked while nobody answers
	retryWait = 10 * time.Millisecond // between two tries in it
	mostTries = 5                     // owners that may end while one thing is being done
)

// Session is this process's way to a store: its own engine, or the owner's. Its methods may be called
// from many goroutines.
type Session struct {
	options  engine.Options
	settings map[string]string
	turn     chan struct{} // holds one token, for whoever changes the fields below; they may take long

	mu struct { // held for moments only
		sync.Mutex
		engine *engine.Engine // nil while another process is the owner
		server *server        // beside engine; nil if others cannot be let in
		client *client        // nil while this process is the owner
		owner  hello
		closed bool
	}
}

// Open opens the store that o describes, or connects to the process that has it. settings are what this
// process would use the store with, by their names in cache.toml, for Differs. Errors are those of
// engine.Open.
func Open(ctx context.Context, o engine.Options, settings map[string]string) (*Session, error) {
	s := &Session{options: o, settings: settings, turn: make(chan struct{}, 1)}
	if s.options.Logger == nil {
		s.options.Logger = slog.New(slog.DiscardHandler)
	}
	_, err := s.store(ctx)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends the session, and the engine if this process is the owner. It is safe to call twice.
func (s *Session) Close() error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.mu.Lock()
	s.mu.closed = true
	engine, server, client := s.mu.engine, s.mu.server, s.mu.client
	s.mu.server = nil
	s.mu.Unlock()
	if client != nil {
		client.close()
	}
	if server != nil {
		server.close()
	}
	if engine != nil {
		return engine.Close()
	}
	return nil
}

// Owner returns the process that has the store, and 0 if it is this one.
func (s *Session) Owner() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.client == nil {
		return 0
	}
	return s.mu.owner.PID
}

// Differs returns the settings that count because the owner has others than this process, as
// "name = value".
func (s *Session) Differs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.client == nil {
		return nil
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(s.settings)) {
		if theirs, ok := s.mu.owner.Settings[name]; ok && theirs != s.settings[name] {
			lines = append(lines, name+" = "+theirs)
		}
	}
	return lines
}

// Serve answers a request from the store or by infer, as engine.Engine.Serve does. A store that fails on
// the way is a miss, and what it could not remember the receipt tells.
func (s *Session) Serve(ctx context.Context, q *engine.Query, infer engine.Infer, emit func(engine.Chunk) error) (*engine.Answer, error) {
	store, err := s.store(ctx)
	if err != nil && ctx.Err() == nil {
		s.options.Logger.Error("the store cannot be reached", "error", err)
		result, inferred := infer(ctx, emit)
		decision := engine.Decision{Action: base.ActionBypass, Reason: "the store cannot be reached: " + err.Error()}
		return engine.Unstored(decision, result), inferred
	}
	if own, ok := store.(*engine.Engine); ok && err == nil {
		return own.Serve(ctx, q, infer, emit)
	}
	return engine.ServeFrom(ctx, lenient{s}, q, infer, emit)
}

// lenient makes a store that cannot be reached a miss.
type lenient struct{ *Session }

func (l lenient) Lookup(ctx context.Context, q *engine.Query) (*engine.Found, error) {
	found, err := l.Session.Lookup(ctx, q)
	if err == nil || errors.Is(err, base.ErrInvalid) || ctx.Err() != nil {
		return found, err
	}
	l.options.Logger.Error("cache failure", "during", "lookup", "error", err)
	return &engine.Found{Decision: engine.Decision{Action: base.ActionMiss, Reason: "the store failed: " + err.Error()}}, nil
}

// Lookup does what engine.Engine.Lookup does.
func (s *Session) Lookup(ctx context.Context, q *engine.Query) (found *engine.Found, err error) {
	err = s.do(ctx, func(st Store) error { found, err = st.Lookup(ctx, q); return err })
	return found, err
}

// Remember does what engine.Engine.Remember does.
func (s *Session) Remember(ctx context.Context, q *engine.Query, r *engine.Result) (receipt engine.Receipt, err error) {
	err = s.do(ctx, func(st Store) error { receipt, err = st.Remember(ctx, q, r); return err })
	return receipt, err
}

// Resume does what engine.Engine.Resume does. The host that follows the plan may be of this process, whoever
// owns the store: chunk files are written and read where the plan says.
func (s *Session) Resume(ctx context.Context, q *engine.StateQuery) (lease *engine.Lease, err error) {
	err = s.do(ctx, func(st Store) error { lease, err = st.Resume(ctx, q); return err })
	return lease, err
}

// Settle does what engine.Engine.Settle does. The lease of an owner that is gone has ended with it.
func (s *Session) Settle(ctx context.Context, lease uint64, r *base.StateReport, save bool) (settled *engine.Settled, err error) {
	err = s.do(ctx, func(st Store) error { settled, err = st.Settle(ctx, lease, r, save); return err })
	return settled, err
}

// Stats returns the metrics of the cache, as engine.Engine.Stats does.
func (s *Session) Stats(ctx context.Context) (stats map[string]float64, err error) {
	err = s.do(ctx, func(st Store) error { stats, err = st.Stats(ctx); return err })
	return stats, err
}

// List does what engine.Engine.List does.
func (s *Session) List(ctx context.Context, from string, limit int) (list []engine.Entry, next string, err error) {
	err = s.do(ctx, func(st Store) error { list, next, err = st.List(ctx, from, limit); return err })
	return list, next, err
}

// Get does what engine.Engine.Get does.
func (s *Session) Get(ctx context.Context, id string) (e *engine.Entry, err error) {
	err = s.do(ctx, func(st Store) error { e, err = st.Get(ctx, id); return err })
	return e, err
}

// Why does what engine.Engine.Why does.
func (s *Session) Why(ctx context.Context, q *engine.Query) (w *engine.Why, err error) {
	err = s.do(ctx, func(st Store) error { w, err = st.Why(ctx, q); return err })
	return w, err
}

// Remove does what engine.Engine.Remove does.
func (s *Session) Remove(ctx context.Context, id string) error {
	tries := 0
	return s.do(ctx, func(st Store) error {
		err := st.Remove(ctx, id)
		if tries++; tries > 1 && errors.Is(err, engine.ErrNotFound) {
			return nil // the owner removed it, and ended before it said so
		}
		return err
	})
}

// do does something with the store, and does it again if the owner ended meanwhile. Everything above can
// be done twice.
func (s *Session) do(ctx context.Context, f func(Store) error) error {
	for try := 1; ; try++ {
		store, err := s.store(ctx)
		if err != nil {
			return err
		}
		if err = f(store); !errors.Is(err, errGone) {
			return err
		}
		s.forget(store)
		if try == mostTries {
			return fmt.Errorf("%w: %w", ErrOwner, err)
		}
	}
}

// forget gives up the connection to an owner that is gone.
func (s *Session) forget(gone Store) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := gone.(*client); ok && s.mu.client == c {
		c.close()
		s.mu.client = nil
	}
}

// store returns the engine or the connection there is, and makes one if there is none. Between the owner's
// last answer and the end of its process the store is locked and nobody listens; then it waits.
func (s *Session) store(ctx context.Context) (Store, error) {
	if store, err := s.current(); store != nil || err != nil {
		return store, err
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for until := time.Now().Add(handOver); ; {
		if store, err := s.current(); store != nil || err != nil {
			return store, err
		}
		err := s.reach(ctx)
		if err == nil {
			continue
		}
		if !errors.Is(err, engine.ErrLocked) || time.Now().After(until) {
			return nil, err
		}
		select {
		case <-time.After(retryWait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// current returns the engine or the connection there is, or nil.
func (s *Session) current() (Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.mu.closed:
		return nil, engine.ErrClosed
	case s.mu.engine != nil:
		return s.mu.engine, nil
	case s.mu.client != nil:
		return s.mu.client, nil
	}
	return nil, nil
}

// reach tries once to connect to an owner and to become it. The caller has the turn.
func (s *Session) reach(ctx context.Context) error {
	if s.options.Dir != "" {
		c, owner, err := dial(ctx, s.options.Dir)
		if err == nil && s.options.Key != nil && !owner.Sealed {
			c.close()
			return &base.Error{Sentinel: engine.ErrPlain, Message: fmt.Sprintf("store %q is not sealed, and there is a key; process %d has it", s.options.Dir, owner.PID),
				Hint: "stop that process, then kvasir seal seals the store"}
		}
		if err == nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.mu.client, s.mu.owner = c, owner
			return nil
		}
		if !errors.Is(err, errGone) {
			return err // somebody answers, but not as it should
		}
	}
	e, err := engine.Open(s.options)
	if errors.Is(err, engine.ErrLocked) {
		return &base.Error{Sentinel: err, Message: fmt.Sprintf("store %q is in use by a process that does not answer", s.options.Dir),
			Hint: "stop the other kvasir first, or choose another store"}
	}
	if err != nil {
		return err
	}
	var l *server
	if s.options.Dir != "" {
		if l, err = listen(s.options.Dir, e, s.settings); err != nil {
			s.options.Logger.Warn("other processes cannot use the store while this one has it", "error", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.engine, s.mu.server = e, l
	return nil
}
