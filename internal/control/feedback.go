package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// Feedback says which answers are wrong.
type Feedback interface {
	MarkBad(ctx context.Context, id string, prompt *string) (*engine.Mark, error)
	UndoBad(ctx context.Context, id string, prompt *string) ([]engine.Mark, error)
	ListBad(ctx context.Context) ([]engine.Mark, error)
}

// Operations.
const (
	opMarkBad = "bad"
	opUndoBad = "bad-undo"
	opListBad = "bad-list"
)

type badArgs struct {
	ID     string
	Prompt *string
}

// errNothing refuses an operation without its argument.
var errNothing = fmt.Errorf("%w: the operation has no argument", base.ErrInvalid)

func routeFeedback(mux *http.ServeMux, e *engine.Engine) {
	route(mux, opMarkBad, func(ctx context.Context, a badArgs) (*engine.Mark, error) { return e.MarkBad(ctx, a.ID, a.Prompt) })
	route(mux, opUndoBad, func(ctx context.Context, a badArgs) ([]engine.Mark, error) { return e.UndoBad(ctx, a.ID, a.Prompt) })
	route(mux, opListBad, func(ctx context.Context, _ none) ([]engine.Mark, error) { return e.ListBad(ctx) })
}

func (c *client) MarkBad(ctx context.Context, id string, prompt *string) (*engine.Mark, error) {
	return call[badArgs, *engine.Mark](ctx, c, opMarkBad, badArgs{id, prompt})
}

func (c *client) UndoBad(ctx context.Context, id string, prompt *string) ([]engine.Mark, error) {
	return call[badArgs, []engine.Mark](ctx, c, opUndoBad, badArgs{id, prompt})
}

func (c *client) ListBad(ctx context.Context) ([]engine.Mark, error) {
	return call[none, []engine.Mark](ctx, c, opListBad, none{})
}

// MarkBad does what engine.Engine.MarkBad does.
func (s *Session) MarkBad(ctx context.Context, id string, prompt *string) (mark *engine.Mark, err error) {
	tries := 0
	err = s.do(ctx, func(st Store) error {
		mark, err = st.MarkBad(ctx, id, prompt)
		if tries++; tries > 1 && errors.Is(err, engine.ErrNotFound) { // the owner retired it, and ended before it said so
			mark, err = markOf(ctx, st, id)
		}
		return err
	})
	return mark, err
}

// markOf finds the mark that retired an entry.
func markOf(ctx context.Context, st Store, id string) (*engine.Mark, error) {
	list, err := st.ListBad(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		if m.Entry == id && m.Retired {
			return &m, nil
		}
	}
	return nil, &base.Error{Sentinel: engine.ErrNotFound, Message: fmt.Sprintf("no entry has the id %q", id), Hint: "kvasir ls lists them"}
}

// UndoBad does what engine.Engine.UndoBad does.
func (s *Session) UndoBad(ctx context.Context, id string, prompt *string) (gone []engine.Mark, err error) {
	tries := 0
	err = s.do(ctx, func(st Store) error {
		gone, err = st.UndoBad(ctx, id, prompt)
		if tries++; tries > 1 && errors.Is(err, engine.ErrNotFound) {
			return nil // the owner did it, and ended before it said so
		}
		return err
	})
	return gone, err
}

// ListBad does what engine.Engine.ListBad does.
func (s *Session) ListBad(ctx context.Context) (list []engine.Mark, err error) {
	err = s.do(ctx, func(st Store) error { list, err = st.ListBad(ctx); return err })
	return list, err
}
