//go:build !linux

package ngram

import "time"

var epoch = time.Now()

// cpuTime returns the time on the clock, for want of a better one.
func cpuTime() time.Duration { return time.Since(epoch) }
