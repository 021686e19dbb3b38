package hosttest

import (
	"context"
	"sync"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Point is a place where a generation can be held.
type Point int

// The points of a generation, in order.
const (
	AtQueue  Point = iota // before it asks for a slot
	AtStart               // after it took its slot and said so, before its first chunk
	AtChunk               // after its first chunk
	AtReport              // after its result, before the report of its plan
	points
)

// Gate holds the generations that come to a point.
type Gate struct {
	arrived chan *base.Request
	pass    chan struct{}
	open    chan struct{}
	once    sync.Once
}

func newGate() *Gate {
	return &Gate{arrived: make(chan *base.Request), pass: make(chan struct{}), open: make(chan struct{})}
}

// Arrived gives the request of each generation that comes to the gate. A generation waits there until
// its arrival was received and it may pass.
func (g *Gate) Arrived() <-chan *base.Request { return g.arrived }

// Pass lets one arrived generation through, and waits for one if there is none.
func (g *Gate) Pass() { g.pass <- struct{}{} }

// Open lets every generation through from now on. It may be called twice.
func (g *Gate) Open() { g.once.Do(func() { close(g.open) }) }

// wait holds r until the gate lets it through or ctx ends.
func (g *Gate) wait(ctx context.Context, r *base.Request) error {
	select {
	case g.arrived <- r:
	case <-g.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-g.pass:
		return nil
	case <-g.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
