package store

import (
	"context"
	"sync"
	"time"
)

// Receipt says when applied mutations are safe.
type Receipt struct {
	group  *group
	syncer *syncer // nil if the group is resolved
}

// group is the mutations that one sync makes safe.
type group struct {
	done chan struct{}
	err  error // set before done is closed
}

// failed returns a receipt that is done and says err.
func failed(err error) *Receipt {
	g := &group{done: make(chan struct{})}
	g.resolve(err)
	return &Receipt{group: g}
}

func (g *group) resolve(err error) {
	g.err = err
	close(g.done)
}

// Done returns a channel that is closed when the mutations are safe, or never will be; Err says which.
func (r *Receipt) Done() <-chan struct{} { return r.group.done }

// Err returns nil if the mutations are safe or not decided yet, and else why they are not.
func (r *Receipt) Err() error {
	select {
	case <-r.group.done:
		return r.group.err
	default:
		return nil
	}
}

// Wait asks for the sync at once, waits for it, and returns nil when the mutations are safe. Many
// waiters share a sync. When ctx ends first Wait returns its error, and the sync still happens.
func (r *Receipt) Wait(ctx context.Context) error {
	if r.syncer != nil {
		r.syncer.hurry(r.group)
	}
	select {
	case <-r.group.done:
		return r.group.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// syncer gathers applied mutations into groups and syncs one group after the other.
type syncer struct {
	interval time.Duration
	limit    int // bytes
	sync     func() error

	started chan struct{} // a group was begun; one at most is waiting
	early   chan struct{} // sync now
	quit    chan struct{}
	stopped chan struct{}

	mu struct {
		sync.Mutex
		group *group // open for more, or nil
		bytes int
	}
}

func startSyncer(interval time.Duration, limit int, sync func() error) *syncer {
	s := &syncer{
		interval: interval, limit: limit, sync: sync,
		started: make(chan struct{}, 1), early: make(chan struct{}, 1),
		quit: make(chan struct{}), stopped: make(chan struct{}),
	}
	go s.run()
	return s
}

// join adds mutations that are already in the log to the group of the next sync.
func (s *syncer) join(size int) *Receipt {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.group == nil {
		s.mu.group = &group{done: make(chan struct{})}
		s.started <- struct{}{} // has room: the last one was taken before its group was
	}
	s.mu.bytes += size
	if s.mu.bytes >= s.limit {
		s.wake()
	}
	return &Receipt{group: s.mu.group, syncer: s}
}

// hurry asks for g's sync now, unless it is under way.
func (s *syncer) hurry(g *group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.group == g {
		s.wake()
	}
}

// wake may be remembered and make a later sync early, which harms nobody.
func (s *syncer) wake() {
	select {
	case s.early <- struct{}{}:
	default:
	}
}

// stop syncs what is open and ends the goroutine. Nobody may join any more.
func (s *syncer) stop() {
	close(s.quit)
	<-s.stopped
}

func (s *syncer) run() {
	defer close(s.stopped)
	for {
		select {
		case <-s.started:
		case <-s.quit:
			s.flush()
			return
		}
		s.pause()
		s.flush()
	}
}

// pause lets a group grow for the interval.
func (s *syncer) pause() {
	timer := time.NewTimer(s.interval)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.early:
	case <-s.quit:
	}
}

func (s *syncer) flush() {
	if g := s.take(); g != nil {
		g.resolve(s.sync())
	}
}

func (s *syncer) take() *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.mu.group
	s.mu.group, s.mu.bytes = nil, 0
	return g
}
