package prochost

import (
	"fmt"
	"reflect"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// errClosed is what every call returns after Close.
var errClosed error = &base.Error{Sentinel: base.ErrUnavailable, Message: "the inference host was closed"}

// attempt is a start of the process, to come, under way or over. Requests wait until it is settled.
type attempt struct {
	settled chan struct{}
	child   *child    // valid after settled; nil if the start failed
	err     error     // valid after settled
	retry   time.Time // valid after settled with an error: no new attempt before this
}

func newAttempt() *attempt { return &attempt{settled: make(chan struct{})} }

func (a *attempt) succeed(c *child) *attempt {
	a.child = c
	close(a.settled)
	return a
}

func (a *attempt) fail(err error, retry time.Time) *attempt {
	a.err, a.retry = err, retry
	close(a.settled)
	return a
}

// failedBefore reports whether a is over, failed, and may be followed by another attempt now.
func (a *attempt) failedBefore(now time.Time) bool {
	select {
	case <-a.settled:
		return a.err != nil && !now.Before(a.retry)
	default:
		return false
	}
}

// Back-off between starts.
const (
	healthTime = time.Minute // a process that lived this long owes nothing to the deaths before
	maxDelay   = 30 * time.Second
)

// backoff says how long to wait before each start.
type backoff struct {
	tries int // since the last time of health
}

// next returns 0, 1 s, 2 s, 4 s and so on to maxDelay.
func (b *backoff) next() time.Duration {
	b.tries++
	if b.tries == 1 {
		return 0
	}
	if b.tries > 7 {
		return maxDelay
	}
	return min(time.Second<<(b.tries-2), maxDelay)
}

// supervise watches c and its successors until Close. It owns their processes.
func (h *Host) supervise(c *child) {
	defer close(h.done)
	var b backoff
	for c != nil {
		next := h.watch(c)
		if next == nil {
			return
		}
		if h.options.Clock.Now().Sub(c.ready) >= healthTime {
			b = backoff{}
		}
		c = h.revive(next, &b)
	}
}

// watch returns the attempt that follows c's death, or nil after Close, with nothing left of c.
func (h *Host) watch(c *child) *attempt {
	defer c.stop()
	select {
	case <-c.process.exited:
	case <-h.closing.Done():
	}
	if h.closing.Err() != nil {
		h.shut()
		c.death.closed = true
		close(c.gone)
		return nil
	}
	c.death = c.autopsy()
	h.options.Logger.Error("inference host stopped", "pid", c.process.pid(), "status", c.death.status, "cause", c.death.words)
	next := h.succeedDead()
	close(c.gone)
	return next
}

// succeedDead makes requests wait for a new attempt.
func (h *Host) succeedDead() *attempt {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.deaths++
	h.mu.attempt = newAttempt()
	return h.mu.attempt
}

// revive starts a new process for a, after the back-off. When the start fails, it waits until a
// request wants another. It returns nil after Close.
func (h *Host) revive(a *attempt, b *backoff) *child {
	delay := b.next()
	for h.pause(delay) {
		c, err := h.restart()
		if h.closing.Err() != nil {
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
		h.options.Logger.Error("inference host could not be started again", "error", err, "back-off", wait)
		a.fail(err, h.options.Clock.Now().Add(wait))
		if a = h.wanted(); a == nil {
			break
		}
		delay = 0 // the request has waited
	}
	h.shut()
	return nil
}

// pause waits for d. It returns false after Close.
func (h *Host) pause(d time.Duration) bool {
	if d == 0 {
		return h.closing.Err() == nil
	}
	select {
	case <-h.options.Clock.After(d):
		return true
	case <-h.closing.Done():
		return false
	}
}

// wanted waits for the attempt that a request asks for. It returns nil after Close.
func (h *Host) wanted() *attempt {
	select {
	case a := <-h.demand:
		return a
	case <-h.closing.Done():
		return nil
	}
}

// restart starts a process. It refuses one that is not the same host: what the cache holds is filed
// under the identity that Open found.
func (h *Host) restart() (*child, error) {
	c, err := h.launch(h.closing)
	if err != nil {
		return nil, err
	}
	if !reflect.DeepEqual(c.info, h.info) {
		c.stop()
		return nil, &base.Error{
			Sentinel: base.ErrModel,
			Message:  fmt.Sprintf("the inference host came back with another identity: %s", difference(h.info, c.info)),
			Hint:     "restart kvasir to use what is there now",
		}
	}
	return c, nil
}

// difference says what changed between two unequal identities.
func difference(was, is *base.Info) string {
	switch {
	case was.Model.SHA256 != is.Model.SHA256:
		return fmt.Sprintf("the content of model %q changed", is.Model.Path)
	case !reflect.DeepEqual(was.Model, is.Model):
		return fmt.Sprintf("the description of model %q changed", is.Model.Path)
	case !reflect.DeepEqual(was.Runtime, is.Runtime):
		return "the program or its settings changed"
	default:
		return "the chat template, the adapters or the rope settings changed"
	}
}

// shut makes every request fail with errClosed from now on.
func (h *Host) shut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.closed = true
	select {
	case <-h.mu.attempt.settled:
		h.mu.attempt = newAttempt().fail(errClosed, time.Time{})
	default:
		h.mu.attempt.fail(errClosed, time.Time{})
	}
}
