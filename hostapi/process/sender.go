package process

import (
	"io"
	"sync"
)

// sender lets several goroutines send on one stream, in order, and refuses what comes after the
// handler returned: a host's scheduler may be a moment late with its last word.
type sender[T any] struct {
	send func(T) error

	mu struct {
		sync.Mutex
		closed bool
	}
}

// put sends v, or returns io.ErrClosedPipe after close.
func (s *sender[T]) put(v T) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return io.ErrClosedPipe
	}
	return s.send(v)
}

func (s *sender[T]) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.closed = true
}
