package prochost

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Host is an inference host in a process that is started again when it dies. It is safe for use by
// many goroutines at once.
type Host struct {
	supervisor *supervisor[loaded]
	suspects   *suspects
	numbers    atomic.Uint64 // of generations sent
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
	s, err := supervised(ctx, hostKind(o))
	if err != nil {
		return nil, err
	}
	return &Host{supervisor: s, suspects: newSuspects(o.Clock)}, nil
}

// Close stops the process, by asking it and after three seconds by force, and returns when it has
// ended and its socket is gone. Calls in flight fail with base.ErrUnavailable. Close may be called
// again.
func (h *Host) Close() error {
	h.supervisor.close()
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
	pid, deaths := h.supervisor.state()
	return Status{PID: pid, Deaths: deaths, Refused: h.suspects.refusals()}
}

// Info implements base.Host. It answers from memory, also while the process is down: every process
// of one Host has the same identity.
func (h *Host) Info(ctx context.Context) (*base.Info, error) {
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case h.supervisor.closing.Err() != nil:
		return nil, errClosed
	}
	info := *h.supervisor.first.info
	info.Adapters = slices.Clone(info.Adapters)
	info.Runtime.CPUFeatures = slices.Clone(info.Runtime.CPUFeatures)
	info.Runtime.Environment = slices.Clone(info.Runtime.Environment)
	return &info, nil
}
