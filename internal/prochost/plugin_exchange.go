package prochost

import (
	"context"
	"fmt"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/hostapi/process"
)

// method is a method of process.PluginClient, which carries bytes there and back.
type method func(c *process.PluginClient, ctx context.Context, in []byte) ([]byte, error)

// answer is what came of an exchange.
type answer struct {
	out []byte
	err error
}

// call exchanges in for an answer, and waits for it no longer than its deadline.
func (p *Plugin) call(ctx context.Context, m method, deadline time.Duration, in []byte) ([]byte, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	c, err := p.serving(ctx)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(deadline)
	defer timer.Stop()
	if err := p.takeSlot(ctx, timer.C); err != nil {
		return nil, err
	}
	answers := make(chan answer, 1)
	p.exchanges.Go(func() {
		answers <- p.exchange(c, m, deadline, in)
		<-p.slots
	})
	timer.Reset(deadline)
	select {
	case a := <-answers:
		return a.out, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return p.late(ctx, c, deadline, answers)
	}
}

// takeSlot waits for room among the calls under way, which the exchange gives back.
func (p *Plugin) takeSlot(ctx context.Context, timeout <-chan time.Time) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timeout:
		return fmt.Errorf("%w: %d calls are under way", hostapi.ErrBusy, cap(p.slots))
	}
}

// late returns the error of a call without an answer at its deadline. If that is because the process has
// died, the answer will say so in a moment.
func (p *Plugin) late(ctx context.Context, c *child[initialised], deadline time.Duration, answers <-chan answer) ([]byte, error) {
	if !c.process.ended() {
		return nil, fmt.Errorf("%w: no answer within %v", hostapi.ErrBudget, deadline)
	}
	select {
	case a := <-answers:
		return a.out, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serving returns the process that serves now, or waits for it a while.
func (p *Plugin) serving(ctx context.Context) (*child[initialised], error) {
	if p.supervisor.rests() {
		return nil, hostapi.ErrRests
	}
	limited, cancel := context.WithTimeout(ctx, p.options.RestartWait)
	defer cancel()
	c, err := p.supervisor.current(limited)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() == nil || c != nil:
		return c, err
	case p.supervisor.rests():
		return nil, hostapi.ErrRests
	}
	return nil, fmt.Errorf("%w: it is being started again", hostapi.ErrBusy)
}

// exchange makes one call at the process c and returns what came of it, however late. It holds a slot.
func (p *Plugin) exchange(c *child[initialised], m method, deadline time.Duration, in []byte) answer {
	limit := deadline + p.options.Patience
	ctx, cancel := context.WithTimeout(process.WithBudget(p.supervisor.closing, deadline), limit)
	defer cancel()
	out, err := m(c.serves.client, ctx, in)
	switch {
	case err == nil:
		return answer{out: out}
	case p.supervisor.closing.Err() != nil:
		return answer{err: hostapi.ErrClosed}
	case err == context.DeadlineExceeded:
		p.options.Logger.Error("program hangs and is killed", "pid", c.process.pid(), "call", limit)
		c.process.kill()
	case !process.Lost(err):
		return answer{err: err}
	}
	return answer{err: p.crash(c)}
}

// crash waits until the death of c is known and returns it as an error.
func (p *Plugin) crash(c *child[initialised]) error {
	if _, err := p.supervisor.mourn(p.supervisor.closing, c); err != nil {
		return hostapi.ErrClosed
	}
	err := fmt.Errorf("%w: %s", hostapi.ErrTrap, c.death.status)
	if c.death.words != "" {
		err = fmt.Errorf("%w: %s", err, c.death.words)
	}
	return err
}
