package engine

import (
	"context"
	"errors"
	"sync"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// recomputer holds the conversations whose answers are to be read once more, the latest first. Old ones give
// way: their next turn has probably come already.
type recomputer struct {
	wake chan struct{} // something was added
	mu   sync.Mutex
	jobs []*recomputation // oldest first
}

// recomputation is a prompt and its answer that are to be read and saved.
type recomputation struct {
	query *StateQuery
	tries int
}

const (
	mostRecomputations = 16
	recomputeTries     = 3 // that requests may interrupt
)

func (r *recomputer) add(job *recomputation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.jobs = append(r.jobs, job); len(r.jobs) > mostRecomputations {
		r.jobs = r.jobs[1:]
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *recomputer) take() *recomputation {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.jobs) == 0 {
		return nil
	}
	last := len(r.jobs) - 1
	job := r.jobs[last]
	r.jobs = r.jobs[:last]
	return job
}

// recompute works off the recomputer until the Resumer closes.
func (r *Resumer) recompute() {
	for {
		select {
		case <-r.later.wake:
		case <-r.ctx.Done():
			return
		}
		for job := r.later.take(); job != nil && r.ctx.Err() == nil; job = r.later.take() {
			if r.prefill(job) && job.tries < recomputeTries {
				r.later.add(job)
			}
		}
	}
}

// prefill reads a prompt and its answer and saves their state. It reports whether it is to be tried again.
func (r *Resumer) prefill(job *recomputation) (again bool) {
	job.tries++
	lease, err := r.cache.Resume(r.ctx, job.query)
	if err != nil || lease.ID == 0 {
		return false // closing, or all of it is saved
	}
	plan := lease.Plan
	report, err := r.host.Prefill(r.ctx, job.query.Tokens, &plan)
	if report == nil {
		report = &base.StateReport{}
	}
	r.settle(lease, report, true) // what was saved before it broke off is whole
	switch {
	case err == nil, r.ctx.Err() != nil, errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, base.ErrOverloaded):
		return true
	}
	r.log.Warn("an answer was not read again for its state", "error", err)
	return false
}
