package server

import (
	"math"
	"sync"
	"time"
)

// bucket holds what a tenant may ask at once, and fills up as time passes. The zero bucket is full.
type bucket struct {
	mu   sync.Mutex
	used float64
	last time.Time
}

// take takes one request of perMinute. If there is none, it returns how long that will be so.
func (b *bucket) take(now time.Time, perMinute int) (wait time.Duration, ok bool) {
	if perMinute == 0 {
		return 0, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	perSecond := float64(perMinute) / 60
	if passed := now.Sub(b.last).Seconds(); passed > 0 {
		b.used = max(0, b.used-passed*perSecond)
		b.last = now
	}
	if left := float64(perMinute) - b.used; left < 1 {
		return time.Duration((1 - left) / perSecond * float64(time.Second)), false
	}
	b.used++
	return 0, true
}

// pace is how long inferences take of late.
type pace struct {
	mu   sync.Mutex
	mean time.Duration
}

func (p *pace) add(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mean == 0 {
		p.mean = took
	}
	p.mean += (took - p.mean) / 8
}

// wait is how long a client that was turned away may wait for a place.
func (p *pace) wait() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return min(max(p.mean, defaultWait), 30*time.Second)
}

// seconds rounds up, as Retry-After has it.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
