package prochost

import (
	"context"

	"github.com/kvasir-cache/kvasir/hostapi/process"
)

// current waits for the process that serves calls now.
func (s *supervisor[S]) current(ctx context.Context) (*child[S], error) {
	for {
		a := s.attempt()
		if !wait(ctx, a.settled) {
			return nil, ctx.Err()
		}
		if a.err != nil || !a.child.process.ended() {
			return a.child, a.err
		}
		if !wait(ctx, a.child.gone) {
			return nil, ctx.Err()
		}
	}
}

// wait waits for done to be closed. It returns false if ctx ends first.
func wait(ctx context.Context, done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// attempt returns the attempt to wait for, and asks for a new one if the last failed long enough ago.
func (s *supervisor[S]) attempt() *attempt[S] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mu.closed && s.mu.attempt.failedBefore(s.kind.clock.Now()) {
		s.mu.attempt = newAttempt[S](0) // the call has waited
		s.demand <- s.mu.attempt        // has room: revive took the one before, or it would not have failed
	}
	return s.mu.attempt
}

// rests reports whether the program waits for the end of its back-off.
func (s *supervisor[S]) rests() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.mu.attempt.settled:
		return false
	default:
		return s.mu.attempt.delay > 0
	}
}

// once calls the process that serves now. When the process ended under the call, on its own, it returns
// the dead child: with no error once its death is known, and with ctx's if that ended before.
func (s *supervisor[S]) once(ctx context.Context, call func(S) error) (*child[S], error) {
	c, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	if err = call(c.serves); !process.Lost(err) {
		return nil, err
	}
	return s.mourn(ctx, c)
}

// mourn waits until the death of c is known, which a call has noticed, and returns what once does.
func (s *supervisor[S]) mourn(ctx context.Context, c *child[S]) (*child[S], error) {
	if s.closing.Err() == nil {
		c.process.kill() // it is dead already, or of no use without its connection
	}
	if !wait(ctx, c.gone) {
		return c, ctx.Err()
	}
	if c.death.closed {
		return nil, s.kind.closed
	}
	return c, nil
}
