package setup

import (
	"context"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/control"
	"github.com/kvasir-cache/kvasir/internal/plugin"
	"github.com/kvasir-cache/kvasir/internal/prochost"
)

// What follows is for a server, which answers many requests at once, keeps the host started, and does not let
// a caller wait for a disk.

// errLoading turns away a request that needs the model before it is there.
var errLoading = &base.Error{Sentinel: base.ErrUnavailable, Message: "the model is being loaded", Hint: "try again in a moment"}

// Start starts the host, if it does not run.
func (m *Model) Start(ctx context.Context) error {
	_, err := m.needHost(ctx)
	return err
}

// Host returns the host, or nil while it has not started.
func (m *Model) Host() base.Host {
	if h := m.ready.Load(); h != nil {
		return h.Host
	}
	return nil
}

// Gone reports whether the file of the model is gone, so that only stored answers can be served.
func (m *Model) Gone() bool { return m.gone }

// ID identifies the model.
func (m *Model) ID() engine.ModelID { return m.id }

// Store returns the store, or nil if the process that has it cannot be asked.
func (m *Model) Store() control.Store {
	if m.store == nil {
		return nil // not a nil *Store in an interface
	}
	return m.store
}

// Answer answers a query to this model from the cache or by its host, if that has started. What is new is
// remembered, and not waited for.
func (m *Model) Answer(ctx context.Context, q *engine.Query, emit func(base.Chunk) error) (*engine.Answer, error) {
	asked := *q
	asked.Model = m.id
	asked.Control.Stale = true
	infer := func(ctx context.Context, emit func(base.Chunk) error) (*base.Result, error) {
		host := m.ready.Load()
		switch {
		case host == nil:
			return nil, errLoading
		case host.resumer == nil:
			return host.Generate(ctx, q.Request, emit)
		}
		return host.resumer.Infer(&asked)(ctx, emit)
	}
	if m.store == nil {
		result, err := infer(ctx, emit)
		return engine.Unstored(base.Decision{Action: base.ActionBypass, Reason: m.without}, result), err
	}
	return m.store.Serve(ctx, &asked, infer, emit)
}

// Stored is Answer from the store only. It returns engine.ErrNotStored where nothing stored serves.
func (m *Model) Stored(ctx context.Context, q *engine.Query, emit func(base.Chunk) error) (*engine.Answer, error) {
	if m.store == nil {
		return nil, engine.ErrNotStored
	}
	asked := *q
	asked.Model = m.id
	none := func(context.Context, func(base.Chunk) error) (*base.Result, error) { return nil, engine.ErrNotStored }
	return engine.ServeFrom(ctx, m.store, &asked, none, emit)
}

// Why explains what Answer would do with a query.
func (m *Model) Why(ctx context.Context, q *engine.Query) (*engine.Why, error) {
	if m.store == nil {
		return nil, &base.Error{Sentinel: engine.ErrNotFound, Message: m.without}
	}
	asked := *q
	asked.Model = m.id
	asked.Control.Stale = m.store.Owner() == 0 // as of Answer, which has no refreshes where another process has the store
	return m.store.Why(ctx, &asked)
}

// Plugins says how the plugins of the configuration are.
func (m *Model) Plugins() []plugin.Status {
	if m.store == nil {
		return nil
	}
	return m.store.own.Status()
}

// ReloadPlugins loads the plugins of the configuration anew. One that cannot be loaded goes on as it was, and
// the error says so.
func (m *Model) ReloadPlugins(ctx context.Context) error {
	if m.store == nil || m.store.Owner() != 0 {
		return nil // those of the process that has the store count
	}
	return m.store.own.Reload(ctx)
}

// ReloadShares has the tenants of another configuration keep their shares, if this process has the store.
func (m *Model) ReloadShares(c *config.Config) error {
	if m.store == nil {
		return nil
	}
	return m.store.SetShares(sharesOf(c))
}

// Process says what became of the host's process; pid is 0 while none runs.
func (m *Model) Process() (pid int, deaths, refused uint64) {
	if host, ok := m.Host().(interface{ Status() prochost.Status }); ok {
		s := host.Status()
		return s.PID, s.Deaths, s.Refused
	}
	return 0, 0, 0
}
