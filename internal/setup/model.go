package setup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/control"
	"github.com/kvasir-cache/kvasir/internal/fingerprint"
)

// Model is a model behind the cache. Its host is started by the first request that needs it, so an answer
// from the store costs no model. Its methods may be called from many goroutines at once.
type Model struct {
	options ModelOptions
	store   *Store         // nil if the process that has the store cannot be asked
	peeked  *engine.Peeked // the answer to Once; then there is no store
	without string         // why there is no cache
	id      engine.ModelID
	gone    bool // the file of the model; id is the last identity of its path

	snapshot string      // the file of the cache; empty if there is none
	changed  atomic.Bool // this process has remembered something

	starting sync.Mutex      // an inference that was given up may still be starting the host
	host     Host            // nil until it is needed
	resumer  *engine.Resumer // of the host and the store
	loaded   time.Duration   // what starting it took

	ready atomic.Pointer[running] // for who does not wait for the host
}

// Host is a started inference host.
type Host interface {
	base.StateChecker
	Close() error
}

// ModelOptions says which model to open, and what goes with it.
type ModelOptions struct {
	Load base.LoadOptions
	// ID identifies a model that is no file here; nil means that Load's is identified, and that the started host
	// has to have it.
	ID    *engine.ModelID
	Start func(ctx context.Context) (Host, error) // starts the inference host with Load
	// Verify has the first start on a state prove that resumed prompts give the same numbers as cold ones here,
	// which takes as long as reading a few hundred tokens. A verdict is kept, and counts without Verify too.
	Verify bool
	// Once says that the query is all that the model will be asked. If the store has its answer, nothing else of the
	// store is opened.
	Once *engine.Query
	// Import has the file of the cache read into the store, which otherwise only a new store does.
	Import bool
	// Snapshot has Close write the file of the cache whenever something changed. Otherwise it does where it is
	// older than SnapshotAge and this process has remembered something.
	Snapshot bool
	Logger   *slog.Logger
	Note     func(format string, args ...any) // tells the user of something that is no error
}

// OpenModel identifies the model and opens the cache that c describes. If another process has the store
// and cannot be asked, requests go by the cache.
func OpenModel(ctx context.Context, c *config.Config, o ModelOptions) (*Model, error) {
	m := &Model{options: o, snapshot: SnapshotPath(c)}
	if err := m.identify(ctx); err != nil {
		return nil, err
	}
	if m.peeked = m.peek(c); m.peeked != nil {
		return m, nil
	}
	if err := m.open(ctx, c); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

func (m *Model) identify(ctx context.Context) (err error) {
	if m.options.ID != nil {
		m.id = *m.options.ID
		return nil
	}
	m.id, m.gone, err = Identify(ctx, m.options.Load)
	return err
}

// peek looks for the answer to the one query, if there is only one.
func (m *Model) peek(c *config.Config) *engine.Peeked {
	if m.options.Once == nil || m.options.Import || len(c.Plugins) > 0 {
		return nil
	}
	q := *m.options.Once
	q.Model = m.id
	options, err := engineOptions(c)
	if err != nil {
		return nil // open says so
	}
	return engine.Peek(options, &q)
}

// open opens the store. If this process has it now, the plugins are loaded, so that what is wrong with them
// is an error; those that tokenize need the model.
func (m *Model) open(ctx context.Context, c *config.Config) (err error) {
	m.store, err = OpenStore(ctx, c, StoreOptions{Logger: m.options.Logger, Tokenize: m.tokenize})
	if errors.Is(err, engine.ErrLocked) || errors.Is(err, control.ErrOwner) {
		m.without = err.Error()
		m.options.Note("answering without the cache: %v", err)
		return nil
	}
	if err != nil {
		return withHint(err, "run it with --cache-persist=off to go without the store")
	}
	if owner := m.store.Owner(); owner != 0 {
		if differs := m.store.Differs(); len(differs) > 0 {
			m.options.Note("process %d has the store, and its settings count: %s", owner, strings.Join(differs, ", "))
		}
		return m.takeIn(ctx)
	}
	if tokenizes(c) {
		if _, err := m.needHost(ctx); err != nil {
			return err
		}
	}
	if err := m.store.LoadPlugins(ctx); err != nil {
		return withHint(err, "kvasir plugin check NAME says more; a plugin without its table in cache.toml is not used")
	}
	return m.takeIn(ctx)
}

// tokenize is what plugins with that grant call.
func (m *Model) tokenize(ctx context.Context, text string) ([]int32, error) {
	host, err := m.needHost(ctx)
	if err != nil {
		return nil, err
	}
	return host.Tokenize(ctx, text, false)
}

// withHint adds a hint to an error that has none.
func withHint(err error, hint string) error {
	if base.Hint(err) != "" {
		return err
	}
	return &base.Error{Sentinel: err, Message: err.Error(), Hint: hint}
}

// Close stores what is left and stops the host. A store that fails now is only warned of: the answers
// were given.
func (m *Model) Close() {
	m.starting.Lock()
	resumer := m.resumer
	m.starting.Unlock()
	if resumer != nil {
		resumer.Close()
	}
	if m.store != nil {
		m.writeOut(context.Background())
		if err := m.store.Close(); err != nil { // plugins that tokenize may still want the host
			m.options.Logger.Warn(err.Error())
		}
	}
	m.starting.Lock()
	defer m.starting.Unlock()
	if m.host != nil {
		m.host.Close()
	}
}

// Loaded returns what starting the host took, 0 while no request has needed it.
func (m *Model) Loaded() time.Duration {
	m.starting.Lock()
	defer m.starting.Unlock()
	return m.loaded
}

// Serve answers a query to this model from the cache or by its host, and waits until a new answer is safe.
func (m *Model) Serve(ctx context.Context, asked *engine.Query, emit func(base.Chunk) error) (*engine.Answer, error) {
	if m.peeked != nil {
		return m.told(m.peeked.Serve(ctx, asked, emit))
	}
	if m.store == nil {
		return m.bypass(ctx, asked.Request, emit)
	}
	q := new(*asked)
	q.Model = m.id
	infer := func(ctx context.Context, emit func(base.Chunk) error) (*base.Result, error) {
		if _, err := m.needHost(ctx); err != nil {
			return nil, err
		}
		return m.resumer.Infer(q)(ctx, emit)
	}
	a, err := m.told(m.store.Serve(ctx, q, infer, emit))
	if err != nil {
		return nil, err
	}
	if a.Action != base.ActionAnswer && a.Action != base.ActionBypass {
		m.changed.Store(true)
	}
	if err := a.Receipt.Wait(ctx); err != nil {
		m.options.Logger.Warn("the answer could not be stored: " + err.Error())
	}
	return a, nil
}

// told adds to an answer from the store that the model's file is gone, if it is.
func (m *Model) told(a *engine.Answer, err error) (*engine.Answer, error) {
	if err == nil && m.gone && a.Action == base.ActionAnswer {
		a.Reason += "; the model's file is gone, and the answer is that of the model it last held"
	}
	return a, err
}

// bypass answers a request by the model alone.
func (m *Model) bypass(ctx context.Context, r *base.Request, emit func(base.Chunk) error) (*engine.Answer, error) {
	host, err := m.needHost(ctx)
	if err != nil {
		return nil, err
	}
	result, err := host.Generate(ctx, r, emit)
	if err != nil {
		return nil, err
	}
	return engine.Unstored(base.Decision{Action: base.ActionBypass, Reason: m.without}, result), nil
}

// needHost starts the host if it does not run, and makes sure that it has the model that answers are
// filed under.
func (m *Model) needHost(ctx context.Context) (Host, error) {
	m.starting.Lock()
	defer m.starting.Unlock()
	if m.host != nil {
		return m.host, nil
	}
	began := time.Now()
	host, err := m.options.Start(ctx)
	if err != nil {
		return nil, err
	}
	info, err := host.Info(ctx)
	if err == nil && m.options.ID == nil && fingerprint.ModelID(fingerprint.PartsOf(info)) != m.id {
		err = &base.Error{Sentinel: base.ErrModel, Message: fmt.Sprintf("model %q changed while it was being loaded", m.options.Load.Model), Hint: "run it again"}
	}
	if err != nil {
		return nil, errors.Join(err, host.Close())
	}
	if limit := info.Model.ContextTrain; limit > 0 && info.Runtime.Context > limit {
		m.options.Note("the context of %d tokens is more than the %d the model was made for; answers beyond that get worse", info.Runtime.Context, limit)
	}
	m.host, m.loaded = host, time.Since(began)
	m.rely(ctx, host, info)
	return host, nil
}

// running is a started host, and what resumes requests on it; nil if there is no store.
type running struct {
	Host
	resumer *engine.Resumer
}

// rely makes requests resume from saved state as far as that can be relied on.
func (m *Model) rely(ctx context.Context, host Host, info *base.Info) {
	if m.store != nil {
		if m.options.Verify {
			m.verify(ctx, host, info)
		}
		relied := *info
		relied.State = trusted(info)
		m.resumer = engine.NewResumer(m.store, host, &relied, m.options.Logger)
	}
	m.ready.Store(&running{host, m.resumer})
}
