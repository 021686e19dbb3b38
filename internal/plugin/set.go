package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Spec is a plugin of the configuration.
type Spec struct {
	Name string
	// Path is the file that is watched for changes; empty means none.
	Path string
	// Load loads the plugin as its file is now.
	Load func(ctx context.Context) (hostapi.Plugin, error)
	// Identity is a hash of all that decides what the plugin answers, as it is now. nil means the name.
	Identity func() ([32]byte, error)
}

// Options of a Set. The zero value of a field means its default.
type Options struct {
	Specs []Spec
	// Poll is how often files are looked at; 0 means every 2 seconds, negative never.
	Poll   time.Duration
	Logger *slog.Logger     // nil means silence
	Now    func() time.Time // nil means time.Now
}

// Set is the plugins of a configuration, in its order. Its methods may be called from many goroutines.
type Set struct {
	members []*member
	log     *slog.Logger
	poll    time.Duration

	loading chan struct{} // holds a token for whoever loads or reloads
	loads   atomic.Uint64

	mu struct {
		sync.Mutex
		loaded   bool // every member was tried once
		closed   bool
		watching sync.WaitGroup
	}
	closing chan struct{}
}

// New returns a set that has loaded nothing yet. The caller closes it.
func New(o Options) *Set {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Poll == 0 {
		o.Poll = 2 * time.Second
	}
	s := &Set{log: o.Logger, poll: o.Poll, loading: make(chan struct{}, 1), closing: make(chan struct{})}
	for _, spec := range o.Specs {
		s.members = append(s.members, &member{spec: spec, log: o.Logger.With("plugin", spec.Name), now: o.Now, loads: &s.loads})
	}
	return s
}

// Load loads every plugin that is not loaded, and returns what is wrong with those that cannot be. The
// first call begins to watch their files.
func (s *Set) Load(ctx context.Context) error {
	return s.each(ctx, func(m *member) error {
		if m.current() != nil {
			return nil
		}
		return m.load(ctx)
	})
}

// Reload loads every plugin anew. One that cannot be loaded goes on as it was.
func (s *Set) Reload(ctx context.Context) error {
	return s.each(ctx, func(m *member) error { return m.load(ctx) })
}

// each does something for every member, one after the other.
func (s *Set) each(ctx context.Context, f func(*member) error) error {
	select {
	case s.loading <- struct{}{}:
		defer func() { <-s.loading }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.isClosed() {
		return hostapi.ErrClosed
	}
	var errs []error
	for _, m := range s.members {
		if err := f(m); err != nil {
			errs = append(errs, m.named(err))
		}
	}
	if ctx.Err() == nil {
		s.begin()
	}
	return errors.Join(errs...)
}

// named says which plugin an error is about, unless it does already.
func (m *member) named(err error) error {
	prefix := fmt.Sprintf("plugin %q: ", m.spec.Name)
	if strings.HasPrefix(err.Error(), prefix) {
		return err
	}
	return fmt.Errorf("%s%w", prefix, err)
}

func (s *Set) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.closed
}

// begin notes that all were tried, and starts to watch the first time.
func (s *Set) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.loaded {
		return
	}
	s.mu.loaded = true
	if s.poll > 0 {
		s.mu.watching.Go(s.watch)
	}
}

// ready loads the plugins if that was not tried yet.
func (s *Set) ready(ctx context.Context) {
	s.mu.Lock()
	loaded := s.mu.loaded
	s.mu.Unlock()
	if loaded || len(s.members) == 0 {
		return
	}
	if err := s.Load(ctx); err != nil {
		s.log.Error("plugins could not be loaded, and requests bypass the cache", "error", err)
	}
}

// Close ends all plugins and waits for the calls under way. It is safe to call twice.
func (s *Set) Close() error {
	s.mu.Lock()
	if s.mu.closed {
		s.mu.Unlock()
		return nil
	}
	s.mu.closed = true
	close(s.closing)
	s.mu.Unlock()
	s.mu.watching.Wait()
	s.loading <- struct{}{} // whoever loads has finished
	defer func() { <-s.loading }()
	var errs []error
	for _, m := range s.members {
		errs = append(errs, m.close())
	}
	return errors.Join(errs...)
}

// Plugin returns the plugin with a name, or nil if the set has none. It stays what it is across reloads,
// and counts and lets rest like the hooks.
func (s *Set) Plugin(name string) hostapi.Plugin {
	for _, m := range s.members {
		if m.spec.Name == name {
			return m
		}
	}
	return nil
}

// Loads counts how often a plugin took its place. Whoever keeps what follows from identities keeps this with
// it, taken before them, and begins anew when it is another.
func (s *Set) Loads() uint64 { return s.loads.Load() }

// Identity returns that of the generation in use: what it answers may change when this does. It is zero for
// a plugin that is not loaded.
func (s *Set) Identity(name string) [32]byte {
	for _, m := range s.members {
		if m.spec.Name == name {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.mu.identity
		}
	}
	return [32]byte{}
}
