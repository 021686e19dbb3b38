package plugin

import (
	"context"
	"errors"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

const (
	mostFailures = 5                // within
	failureSpan  = time.Minute      // and then the plugin rests for
	restTime     = 30 * time.Second // so that a broken plugin costs next to nothing
)

// breaker lets a plugin rest that fails again and again. The zero value is ready.
type breaker struct {
	failures []time.Time // the latest, at most mostFailures of them
	until    time.Time   // it rests
}

// open reports whether the plugin rests.
func (b *breaker) open(now time.Time) bool { return now.Before(b.until) }

// fail notes a failure and reports whether the plugin rests from now on.
func (b *breaker) fail(now time.Time) bool {
	b.failures = append(b.failures, now)
	if len(b.failures) < mostFailures {
		return false
	}
	first := b.failures[0]
	b.failures = b.failures[1:]
	if now.Sub(first) > failureSpan {
		return false
	}
	b.failures, b.until = nil, now.Add(restTime)
	return true
}

// faulty reports whether an error is the plugin's doing. A machine that is too busy is not, nor is a caller
// that left.
func faulty(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return false
	}
	for _, sentinel := range []error{hostapi.ErrBudget, hostapi.ErrTrap, hostapi.ErrOutput, hostapi.ErrFailed} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}
