package plugin

import (
	"context"
	"errors"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Metered is a plugin that counts more than the set sees. The names are those of Metrics without the
// plugin's.
type Metered interface {
	Metrics() map[string]float64
}

// counts are what a plugin did, over all its generations.
type counts struct {
	calls, rested       uint64
	loads, loadFailures uint64
	failures            map[string]uint64
	time                time.Duration
}

// causes name the sentinels in metrics.
var causes = []struct {
	sentinel error
	name     string
}{
	{hostapi.ErrBudget, "budget"}, {hostapi.ErrTrap, "trap"}, {hostapi.ErrOutput, "output"},
	{hostapi.ErrFailed, "reported"}, {hostapi.ErrBusy, "busy"},
	{context.Canceled, "cancelled"}, {context.DeadlineExceeded, "deadline"},
}

func (c *counts) add(err error, took time.Duration) {
	if errors.Is(err, hostapi.ErrRole) {
		return
	}
	c.calls++
	c.time += took
	if err == nil {
		return
	}
	if c.failures == nil {
		c.failures = map[string]uint64{}
	}
	c.failures[cause(err)]++
}

func cause(err error) string {
	for _, c := range causes {
		if errors.Is(err, c.sentinel) {
			return c.name
		}
	}
	return "other"
}

// Metrics returns what the plugins did since the set began, as plugin.NAME.WHAT:
//
//	calls           calls made, and ms the milliseconds in them
//	failed_WHY      calls that failed: budget, trap, output, reported, busy, cancelled, deadline, other
//	rested          calls not made because the plugin rested
//	loads, load_failures
//
// and what the plugin itself or its host counts.
func (s *Set) Metrics() map[string]float64 {
	all := map[string]float64{}
	for _, m := range s.members {
		m.metrics("plugin."+m.spec.Name+".", all)
	}
	return all
}

func (m *member) metrics(prefix string, into map[string]float64) {
	if metered, ok := m.current().(Metered); ok {
		for name, v := range metered.Metrics() {
			into[prefix+name] = v
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &m.mu.counts
	if c.loads+c.loadFailures == 0 {
		return // this process had no use for it
	}
	into[prefix+"calls"], into[prefix+"ms"] = float64(c.calls), float64(c.time.Microseconds())/1000
	into[prefix+"rested"], into[prefix+"loads"], into[prefix+"load_failures"] = float64(c.rested), float64(c.loads), float64(c.loadFailures)
	for why, n := range c.failures {
		into[prefix+"failed_"+why] = float64(n)
	}
}
