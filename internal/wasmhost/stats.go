package wasmhost

import (
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Stats is what a plugin has done since it was loaded.
type Stats struct {
	Calls     uint64        // answered or failed
	Failures  Failures      // of them
	Cancelled uint64        // of Calls: the caller did not wait; not in Failures
	Time      time.Duration // in calls, without the wait for an instance; of very short ones an estimate
	Steps     uint64        // made in calls

	Instances int    // there are
	Started   uint64 // instances there were
	Discarded uint64 // of them: thrown away after a crash, over the budget or out of contract
	Recycled  uint64 // of them: replaced because they were old or large
	Memory    uint64 // bytes that the largest instance had after a call

	Metrics map[string]float64 // what the plugin counted with metric_add
	Quiet   uint64             // log lines left out because there were too many
}

// Failures counts calls by what was wrong.
type Failures struct {
	Budget, Trap, Output, Failed, Busy uint64
}

// record is what one call adds to Stats.
type record struct {
	failure   error // a sentinel, or nil
	cancelled bool
	call      bool
	taken     time.Duration
	steps     uint64
	memory    uint64
	started   bool
	discarded bool
	recycled  bool
}

func (s *Stats) add(r *record) {
	s.Calls += count(r.call)
	s.Cancelled += count(r.cancelled)
	s.Started += count(r.started)
	s.Discarded += count(r.discarded)
	s.Recycled += count(r.recycled)
	s.Time += r.taken
	s.Steps += r.steps
	s.Memory = max(s.Memory, r.memory)
	if r.failure != nil && !r.cancelled {
		s.Failures.add(r.failure)
	}
}

func count(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func (f *Failures) add(reason error) {
	switch reason {
	case hostapi.ErrBudget:
		f.Budget++
	case hostapi.ErrTrap:
		f.Trap++
	case hostapi.ErrOutput:
		f.Output++
	case hostapi.ErrFailed:
		f.Failed++
	case hostapi.ErrBusy:
		f.Busy++
	}
}

// Stats returns what the plugin has done so far.
func (p *Plugin) Stats() Stats {
	p.pool.mu.Lock()
	s := p.pool.mu.stats
	s.Instances = p.pool.mu.live
	p.pool.mu.Unlock()
	s.Metrics = map[string]float64{}
	p.metrics.Lock()
	for name, sum := range p.metrics.sums {
		s.Metrics[name] = *sum
	}
	p.metrics.Unlock()
	s.Quiet = p.log.quiet.Load()
	return s
}
