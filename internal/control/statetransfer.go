package control

import (
	"context"
	"net/http"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// StateTransfer moves saved state out of a store and into it. Whoever does it reads and writes the chunk files
// itself: their bytes do not go through the socket.
type StateTransfer interface {
	StateChunks(ctx context.Context, from []byte) (list []engine.StateChunk, next []byte, err error)
	StatePlace(ctx context.Context, tenant string, state engine.StateID) (*engine.StatePlace, error)
	Admit(ctx context.Context, tenant string, state engine.StateID, chunks []base.SavedChunk) (admitted int, err error)
}

// Operations.
const (
	opStateChunks = "state-chunks"
	opStatePlace  = "state-place"
	opAdmit       = "admit"
)

type stateChunksResult struct {
	Chunks []engine.StateChunk
	Next   []byte
}

type admitArgs struct {
	Tenant string
	State  engine.StateID
	Chunks []base.SavedChunk
}

func routeStateTransfer(mux *http.ServeMux, e *engine.Engine) {
	route(mux, opStateChunks, func(ctx context.Context, from []byte) (r stateChunksResult, err error) {
		r.Chunks, r.Next, err = e.StateChunks(ctx, from)
		return r, err
	})
	route(mux, opStatePlace, func(ctx context.Context, a admitArgs) (*engine.StatePlace, error) {
		return e.StatePlace(ctx, a.Tenant, a.State)
	})
	route(mux, opAdmit, func(ctx context.Context, a admitArgs) (int, error) { return e.Admit(ctx, a.Tenant, a.State, a.Chunks) })
}

func (c *client) StateChunks(ctx context.Context, from []byte) ([]engine.StateChunk, []byte, error) {
	r, err := call[[]byte, stateChunksResult](ctx, c, opStateChunks, from)
	return r.Chunks, r.Next, err
}

func (c *client) StatePlace(ctx context.Context, tenant string, state engine.StateID) (*engine.StatePlace, error) {
	return call[admitArgs, *engine.StatePlace](ctx, c, opStatePlace, admitArgs{Tenant: tenant, State: state})
}

func (c *client) Admit(ctx context.Context, tenant string, state engine.StateID, chunks []base.SavedChunk) (int, error) {
	return call[admitArgs, int](ctx, c, opAdmit, admitArgs{tenant, state, chunks})
}

// StateChunks does what engine.Engine.StateChunks does.
func (s *Session) StateChunks(ctx context.Context, from []byte) (list []engine.StateChunk, next []byte, err error) {
	err = s.do(ctx, func(st Store) error { list, next, err = st.StateChunks(ctx, from); return err })
	return list, next, err
}

// StatePlace does what engine.Engine.StatePlace does.
func (s *Session) StatePlace(ctx context.Context, tenant string, state engine.StateID) (place *engine.StatePlace, err error) {
	err = s.do(ctx, func(st Store) error { place, err = st.StatePlace(ctx, tenant, state); return err })
	return place, err
}

// Admit does what engine.Engine.Admit does. A new owner has removed the files that another one was to take, so
// after a change of owners it is an error.
func (s *Session) Admit(ctx context.Context, tenant string, state engine.StateID, chunks []base.SavedChunk) (admitted int, err error) {
	err = s.do(ctx, func(st Store) error { admitted, err = st.Admit(ctx, tenant, state, chunks); return err })
	return admitted, err
}
