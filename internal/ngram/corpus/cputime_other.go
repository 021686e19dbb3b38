//go:build !linux

package corpus

import "time"

var epoch = time.Now()

// CPUTime returns the time on the clock, for want of a better one.
func CPUTime() time.Duration { return time.Since(epoch) }
