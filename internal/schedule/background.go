package schedule

import (
	"slices"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// admitBackground starts a Prefill when nobody is in work and nobody waits.
func (s *Scheduler) admitBackground() {
	if slices.Contains(s.tainted, true) || slices.ContainsFunc(s.slots, func(j *job) bool { return j != nil }) {
		return
	}
	if j := s.dequeueBackground(); j != nil {
		s.start(j, 0)
	}
}

func (s *Scheduler) dequeueBackground() *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.queue) > 0 || len(s.mu.background) == 0 {
		return nil
	}
	return shift(&s.mu.background)
}

// yieldSlot takes the slot of a Prefill for a request, and returns it, or -1 if there is none. Full
// chunks of what it has read are saved, which costs the request one copy.
func (s *Scheduler) yieldSlot() int {
	i := slices.IndexFunc(s.slots, func(j *job) bool { return j != nil && j.background })
	if i < 0 {
		return -1
	}
	j := s.slots[i]
	if j.phase == reading && !s.tainted[i] {
		s.savePart(j)
	}
	s.release(j, nil, &base.Error{Sentinel: base.ErrOverloaded, Message: "a request needed the slot of this prefill", Hint: "send it again later"})
	if slices.Contains(s.tainted, true) {
		return -1
	}
	return i
}

// savePart saves the full chunks of a prompt that is read in part. The slot is emptied next.
func (s *Scheduler) savePart(j *job) {
	st := j.state
	if !st.plan.Save || j.spent < st.plan.MinPrefill {
		return
	}
	spans := s.options.State.list(st.full, j.read, 0)
	if len(spans) > 0 {
		s.saveLast(j, &save{tokens: j.prompt[:j.read], spans: spans, prompt: j.read, origin: s.originOf(j)})
	}
}
