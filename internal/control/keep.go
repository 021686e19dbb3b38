package control

import (
	"context"

	"github.com/kvasir-cache/kvasir/engine"
)

// Keeper says what a store keeps and what goes.
type Keeper interface {
	Pin(ctx context.Context, id string, pinned bool) error
	Forget(ctx context.Context, f engine.Filter, from string, dry bool) (*engine.Forgotten, error)
	Compact(ctx context.Context, dry bool) (*engine.CompactReport, error)
	History(ctx context.Context, hours int) ([]engine.Hour, error)
}

func (c *client) Pin(ctx context.Context, id string, pinned bool) error {
	_, err := call[pinArgs, none](ctx, c, opPin, pinArgs{id, pinned})
	return err
}

func (c *client) Forget(ctx context.Context, f engine.Filter, from string, dry bool) (*engine.Forgotten, error) {
	return call[forgetArgs, *engine.Forgotten](ctx, c, opForget, forgetArgs{f, from, dry})
}

func (c *client) Compact(ctx context.Context, dry bool) (*engine.CompactReport, error) {
	return call[bool, *engine.CompactReport](ctx, c, opCompact, dry)
}

func (c *client) History(ctx context.Context, hours int) ([]engine.Hour, error) {
	return call[int, []engine.Hour](ctx, c, opHistory, hours)
}

// Pin does what engine.Engine.Pin does.
func (s *Session) Pin(ctx context.Context, id string, pinned bool) error {
	return s.do(ctx, func(st Store) error { return st.Pin(ctx, id, pinned) })
}

// Forget does what engine.Engine.Forget does.
func (s *Session) Forget(ctx context.Context, f engine.Filter, from string, dry bool) (r *engine.Forgotten, err error) {
	err = s.do(ctx, func(st Store) error { r, err = st.Forget(ctx, f, from, dry); return err })
	return r, err
}

// Compact does what engine.Engine.Compact does.
func (s *Session) Compact(ctx context.Context, dry bool) (r *engine.CompactReport, err error) {
	err = s.do(ctx, func(st Store) error { r, err = st.Compact(ctx, dry); return err })
	return r, err
}

// History does what engine.Engine.History does.
func (s *Session) History(ctx context.Context, hours int) (list []engine.Hour, err error) {
	err = s.do(ctx, func(st Store) error { list, err = st.History(ctx, hours); return err })
	return list, err
}

// SetShares does what engine.Engine.SetShares does, now or when this process becomes the owner. Those of another owner
// stay as they are.
func (s *Session) SetShares(tenants map[string]float64) error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.options.Shares = tenants
	s.mu.Lock()
	own := s.mu.engine
	s.mu.Unlock()
	if own == nil {
		return nil
	}
	return own.SetShares(tenants)
}
