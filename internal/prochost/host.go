package prochost

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Host is an inference host in a process that is started again when it dies. It is safe for use by
// many goroutines at once.
type Host struct {
	options  Options
	suspects *suspects
	info     *base.Info // of the first process; the later ones have the same

	closing context.Context // ends with Close
	close   context.CancelFunc
	done    chan struct{} // closed when the supervisor has returned
	demand  chan *attempt // from a request to the supervisor; see attempt
	numbers atomic.Uint64 // of generations sent

	mu struct {
		sync.Mutex
		attempt *attempt // the one a request must wait for, or be served by
		deaths  uint64
		closed  bool
	}
}

var _ base.Host = (*Host)(nil)

// Open starts the process and loads the model. It returns when the model is loaded; ctx bounds that
// and nothing after it. Errors of the model are the host's own, such as base.ErrModel; a process that
// does not start or dies on the way gives base.ErrUnavailable.
func Open(ctx context.Context, o Options) (*Host, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	h := &Host{
		options:  o,
		suspects: newSuspects(o.Clock),
		done:     make(chan struct{}),
		demand:   make(chan *attempt, 1),
	}
	c, err := h.launch(ctx)
	if err != nil {
		return nil, err
	}
	h.info = c.info
	h.closing, h.close = context.WithCancel(context.Background())
	h.mu.attempt = newAttempt().succeed(c)
	go h.supervise(c)
	return h, nil
}

// launch starts a process and logs how long that took.
func (h *Host) launch(ctx context.Context) (*child, error) {
	began := time.Now()
	c, err := start(ctx, &h.options)
	if err == nil {
		h.options.Logger.Info("inference host started", "pid", c.process.pid(), "took", time.Since(began))
	}
	return c, err
}

// Close stops the process, by asking it and after three seconds by force, and returns when it has
// ended and its socket is gone. Calls in flight fail with base.ErrUnavailable. Close may be called
// again.
func (h *Host) Close() error {
	h.close()
	<-h.done
	return nil
}

// Status is what the supervisor knows at a moment.
type Status struct {
	PID     int    // of the process that serves requests; 0 while there is none
	Deaths  uint64 // unexpected ends of a process that served requests
	Refused uint64 // requests turned away because they had met two deaths
}

// Status returns the state of the process. It does not wait for it.
func (h *Host) Status() Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Status{Deaths: h.mu.deaths, Refused: h.suspects.refusals()}
	select {
	case <-h.mu.attempt.settled:
		if c := h.mu.attempt.child; c != nil {
			s.PID = c.process.pid()
		}
	default:
	}
	return s
}

// Info implements base.Host. It answers from memory, also while the process is down: every process
// of one Host has the same identity.
func (h *Host) Info(ctx context.Context) (*base.Info, error) {
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case h.closing.Err() != nil:
		return nil, errClosed
	}
	info := *h.info
	info.Adapters = slices.Clone(info.Adapters)
	info.Runtime.CPUFeatures = slices.Clone(info.Runtime.CPUFeatures)
	info.Runtime.Environment = slices.Clone(info.Runtime.Environment)
	return &info, nil
}
