package prochost

import (
	"context"
	"sync"
	"time"
)

// supervisor keeps a program running: it starts it, and starts it again when it dies. It is safe for use
// by many goroutines at once.
type supervisor[S any] struct {
	kind  kind[S]
	first S // what the first process served; the later ones serve the same

	closing context.Context // ends with close
	cancel  context.CancelFunc
	done    chan struct{}    // closed when supervise has returned
	demand  chan *attempt[S] // from a call to supervise; see attempt

	mu struct {
		sync.Mutex
		attempt *attempt[S] // the one a call must wait for, or be served by
		deaths  uint64
		closed  bool
	}
}

// supervised starts the program and keeps it running until close. It returns when the program serves; ctx
// bounds that and nothing after it.
func supervised[S any](ctx context.Context, k kind[S]) (*supervisor[S], error) {
	s := &supervisor[S]{kind: k, done: make(chan struct{}), demand: make(chan *attempt[S], 1)}
	c, err := s.launch(ctx)
	if err != nil {
		return nil, err
	}
	s.first = c.serves
	s.closing, s.cancel = context.WithCancel(context.Background())
	s.mu.attempt = newAttempt[S](0).succeed(c)
	go s.supervise(c)
	return s, nil
}

// launch starts a process and logs how long that took.
func (s *supervisor[S]) launch(ctx context.Context) (*child[S], error) {
	began := time.Now()
	c, err := start(ctx, &s.kind)
	if err == nil {
		s.kind.logger.Info(s.kind.noun+" started", "pid", c.process.pid(), "took", time.Since(began))
	}
	return c, err
}

// close stops the process, by asking it and after three seconds by force, and returns when it has ended
// and its socket is gone. It may be called again.
func (s *supervisor[S]) close() {
	s.cancel()
	<-s.done
}

// state returns the process id, 0 while no process serves, and how many died. It does not wait.
func (s *supervisor[S]) state() (pid int, deaths uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.mu.attempt.settled:
		if c := s.mu.attempt.child; c != nil {
			pid = c.process.pid()
		}
	default:
	}
	return pid, s.mu.deaths
}

// supervise watches c and its successors until close. It owns their processes.
func (s *supervisor[S]) supervise(c *child[S]) {
	defer close(s.done)
	var b backoff
	for c != nil {
		next := s.watch(c, &b)
		if next == nil {
			return
		}
		c = s.revive(next, &b)
	}
}

// watch returns the attempt that follows c's death, or nil after close, with nothing left of c.
func (s *supervisor[S]) watch(c *child[S], b *backoff) *attempt[S] {
	defer c.stop()
	select {
	case <-c.process.exited:
	case <-s.closing.Done():
	}
	if s.closing.Err() != nil {
		s.shut()
		c.death.closed = true
		close(c.gone)
		return nil
	}
	c.death = c.autopsy()
	s.kind.logger.Error(s.kind.noun+" stopped", "pid", c.process.pid(), "status", c.death.status, "cause", c.death.words)
	if s.kind.clock.Now().Sub(c.ready) >= healthTime {
		*b = backoff{}
	}
	next := s.succeedDead(b.next())
	close(c.gone)
	return next
}

// succeedDead makes calls wait for a new attempt.
func (s *supervisor[S]) succeedDead(delay time.Duration) *attempt[S] {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.deaths++
	s.mu.attempt = newAttempt[S](delay)
	return s.mu.attempt
}

// revive starts a new process for a, after its delay. When the start fails, it waits until a call wants
// another. It returns nil after close.
func (s *supervisor[S]) revive(a *attempt[S], b *backoff) *child[S] {
	for s.pause(a.delay) {
		c, err := s.restart()
		if s.closing.Err() != nil {
			if c != nil {
				c.stop()
			}
			break
		}
		if err == nil {
			a.succeed(c)
			return c
		}
		wait := b.next()
		s.kind.logger.Error(s.kind.noun+" cannot be started again", "error", err, "back-off", wait)
		a.fail(err, s.kind.clock.Now().Add(wait))
		if a = s.wanted(); a == nil {
			break
		}
	}
	s.shut()
	return nil
}

// pause waits for d. It returns false after close.
func (s *supervisor[S]) pause(d time.Duration) bool {
	if d == 0 {
		return s.closing.Err() == nil
	}
	select {
	case <-s.kind.clock.After(d):
		return true
	case <-s.closing.Done():
		return false
	}
}

// wanted waits for the attempt that a call asks for. It returns nil after close.
func (s *supervisor[S]) wanted() *attempt[S] {
	select {
	case a := <-s.demand:
		return a
	case <-s.closing.Done():
		return nil
	}
}

// restart starts a process. It refuses one that does not serve what the first one did.
func (s *supervisor[S]) restart() (*child[S], error) {
	c, err := s.launch(s.closing)
	if err != nil {
		return nil, err
	}
	if err := s.kind.same(s.first, c.serves); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// shut makes every call fail from now on.
func (s *supervisor[S]) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.closed = true
	select {
	case <-s.mu.attempt.settled:
		s.mu.attempt = newAttempt[S](0).fail(s.kind.closed, time.Time{})
	default:
		s.mu.attempt.fail(s.kind.closed, time.Time{})
	}
}
