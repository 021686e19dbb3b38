package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/control"
	"github.com/kvasir-cache/kvasir/internal/plugin"
)

// Model is a model behind the cache. Its methods may be called from many goroutines.
type Model interface {
	// Answer answers a query to the model from the cache or by inference, and remembers what is new. It fills
	// in the query's model.
	Answer(ctx context.Context, q *engine.Query, emit func(base.Chunk) error) (*engine.Answer, error)
	// Stored is Answer without inference: where nothing stored serves it returns engine.ErrNotStored.
	Stored(ctx context.Context, q *engine.Query, emit func(base.Chunk) error) (*engine.Answer, error)
	// Why explains what Answer would do with a query.
	Why(ctx context.Context, q *engine.Query) (*engine.Why, error)
	// Host returns the inference host, or nil while it has not started.
	Host() base.Host
	// Process says what became of the host's process; pid is 0 while none runs, or if it has none.
	Process() (pid int, deaths, refused uint64)
	// Store returns the store, or nil if there is none.
	Store() control.Store
	Plugins() []plugin.Status
}

// Options of a Server. Model, Name and Token have to be given.
type Options struct {
	Model       Model
	Name        string  // of the model, as clients see it
	Fingerprint string  // of the model, as clients see it; empty means none
	Passing     bool    // the model is behind an upstream: what is not known here goes to it as it came
	Temperature float64 // of requests that name none
	Token       string  // that the admin listener asks for
	Version     string  // of the program
	Settings    Settings
	// Reload does what POST /reload asks for; nil means nothing.
	Reload func(ctx context.Context) error
	Logger *slog.Logger // gets what went wrong; nil means silence
	// Requests gets a line for each request; nil means that nobody does.
	Requests *slog.Logger
	Tracer   Tracer           // follows requests that infer; nil means that nobody does
	Now      func() time.Time // nil means time.Now
}

func (o Options) withDefaults() (Options, error) {
	if o.Model == nil || o.Name == "" || o.Token == "" {
		return o, errors.New("server: Model, Name and Token have to be given")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Requests == nil {
		o.Requests = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}

// Settings are what may change while a server runs. The zero value of a limit means none.
type Settings struct {
	Tenants    []Tenant // none means that nobody needs a key
	Hosts      []string // names by which clients may call, besides localhost and addresses
	Origins    []string // of web pages that may call
	Control    bool     // callers may say what the cache does, and are told what it did
	MaxBody    int64    // bytes; 0 means 8 MiB
	Concurrent int      // requests at once
	Timeout    time.Duration
}

const defaultMaxBody = 8 << 20

// Tenant is who may call, and how much. The zero value of a limit means none.
type Tenant struct {
	Name              string
	Keys              [][32]byte // SHA-256 of the keys that count
	Control           bool
	RequestsPerMinute int
	Concurrent        int
	MaxTokens         int
	MaxBody           int64
	TTL               time.Duration
}
