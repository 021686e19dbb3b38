package prochost

import "time"

// attempt is a start of the process, to come, under way or over. Calls wait until it is settled.
type attempt[S any] struct {
	delay time.Duration // before it begins

	settled chan struct{}
	child   *child[S] // valid after settled; nil if the start failed
	err     error     // valid after settled
	retry   time.Time // valid after settled with an error: no new attempt before this
}

func newAttempt[S any](delay time.Duration) *attempt[S] {
	return &attempt[S]{delay: delay, settled: make(chan struct{})}
}

func (a *attempt[S]) succeed(c *child[S]) *attempt[S] {
	a.child = c
	close(a.settled)
	return a
}

func (a *attempt[S]) fail(err error, retry time.Time) *attempt[S] {
	a.err, a.retry = err, retry
	close(a.settled)
	return a
}

// failedBefore reports whether a is over, failed, and may be followed by another attempt now.
func (a *attempt[S]) failedBefore(now time.Time) bool {
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
