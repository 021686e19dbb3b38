package schedule

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/layout"
)

// restored is what a goroutine made of a job's chunk files.
type restored struct {
	job    *job
	state  []byte // nil if there is nothing to restore
	tokens int
	full   int // of them, in full chunks
	origin base.Origin
	bad    []base.BadChunk
	took   time.Duration
}

// restore begins to read the chunk files that a job's plan names, if it names any.
func (s *Scheduler) restore(j *job) {
	if j.state == nil || s.options.State == nil || len(j.state.plan.Restore) == 0 {
		return
	}
	j.phase = restoring
	s.files.Go(func() {
		r := s.readChunks(j.ctx, j)
		s.mu.Lock()
		s.mu.restored = append(s.mu.restored, r)
		s.mu.Unlock()
		s.nudge()
	})
}

// finishRestores puts into their slots what has become ready.
func (s *Scheduler) finishRestores() {
	s.mu.Lock()
	ready := s.mu.restored
	s.mu.restored = nil
	s.mu.Unlock()
	for _, r := range ready {
		if s.slots[r.job.slot] == r.job { // else it was cancelled meanwhile
			s.finishRestore(r)
		}
		s.spare.put(r.state)
	}
}

func (s *Scheduler) finishRestore(r *restored) {
	j, st := r.job, r.job.state
	j.phase = reading
	defer func() { st.until = s.options.Now() }()
	if r.tokens > 0 {
		before := s.options.Now()
		if err := s.runner.SetState(j.slot, r.state); err != nil {
			st.report.trouble(fmt.Sprintf("saved state was not restored: %v", err))
			s.startOver(j)
			return
		}
		r.took += s.options.Now().Sub(before)
		j.read, st.restored, st.origin, st.full, st.saved = r.tokens, r.tokens, r.origin, r.full, r.full
	}
	st.report.note(func(report *base.StateReport) { report.Restore, report.Bad = r.took, r.bad })
}

// note changes the report.
func (r *reporter) note(change func(*base.StateReport)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.mu.report)
}

// readChunks reads and checks the chunk files of a job and joins them to a state. Files that cannot be used
// are left out with all that follow.
func (s *Scheduler) readChunks(ctx context.Context, j *job) *restored {
	r := &restored{job: j}
	select {
	case s.loads <- struct{}{}:
		defer func() { <-s.loads }()
	case <-ctx.Done():
		return r
	case <-s.closing.Done():
		return r
	}
	before := s.options.Now()
	plan := &j.state.plan
	list := chunks(plan.Seed, j.prompt, s.options.State.of(plan).usable(plan.Restore, len(j.prompt)))
	for len(list) > 0 && ctx.Err() == nil && s.closing.Err() == nil {
		good, bad := r.join(s, plan, list)
		r.bad = append(r.bad, bad...)
		if good == len(list) {
			break
		}
		list = list[:good]
	}
	r.took = s.options.Now().Sub(before)
	return r
}

// usable returns the longest beginning of the planned lengths that the prompt may resume behind.
func (o *StateOptions) usable(lengths []int, prompt int) []int {
	n, total, at := 0, 0, 0
	for i, length := range lengths {
		if length < 1 || length > base.ChunkTokens || i > 0 && lengths[i-1] != base.ChunkTokens {
			break
		}
		if total += length; prompt-total < o.Leave {
			break
		}
		if at++; total%o.Align == 0 {
			n = at
		}
	}
	return lengths[:n]
}

// readers is how many goroutines check and join the chunks of one state.
const readers = 2

// join reads the chunks of list into r. It returns how many of them, from the first on, are good; if that
// is not all of them, r holds no state.
func (r *restored) join(s *Scheduler, plan *base.StatePlan, list []chunk) (good int, bad []base.BadChunk) {
	tokens := list[len(list)-1].to
	joint, err := s.options.State.Layout.Join(s.spare.get(s.options.State.Layout.Size(tokens)), r.job.slot, tokens)
	if err != nil {
		return 0, []base.BadChunk{{Key: list[0].key, Reason: err.Error()}}
	}
	origins, errs := s.readAll(joint, plan, list)
	good = len(list)
	r.origin = base.OriginPrefill
	for i, err := range errs {
		if err != nil {
			good = min(good, i)
			bad = append(bad, base.BadChunk{Key: list[i].key, Reason: err.Error()})
		}
		if origins[i] == base.OriginDecode {
			r.origin = base.OriginDecode
		}
	}
	if good < len(list) {
		r.origin = ""
		s.spare.put(joint.Bytes())
		return good, bad
	}
	r.state, r.tokens, r.full = joint.Bytes(), tokens, tokens/base.ChunkTokens*base.ChunkTokens
	return good, nil
}

// readAll reads chunk files and puts what is right into a state. Each reader takes the next file when it is
// done with one, so that one that gets no processor holds up nothing.
func (s *Scheduler) readAll(joint *layout.Joint, plan *base.StatePlan, list []chunk) (origins []base.Origin, errs []error) {
	origins, errs = make([]base.Origin, len(list)), make([]error, len(list))
	var next atomic.Int64
	read := func() {
		i := int(next.Add(1)) - 1
		if i >= len(list) {
			return
		}
		buf := s.reads.get(0) // fresh memory costs more than what is read into it
		for ; i < len(list); i = int(next.Add(1)) - 1 {
			buf, origins[i], errs[i] = readChunk(joint, plan, list[i], buf)
		}
		s.reads.put(buf)
	}
	var others sync.WaitGroup
	for range min(readers, len(list)) - 1 {
		others.Go(read)
	}
	read()
	others.Wait()
	return origins, errs
}

// readChunk puts a chunk into a state if its file is just what it must be. It returns the memory it used.
func readChunk(joint *layout.Joint, plan *base.StatePlan, c chunk, buf []byte) ([]byte, base.Origin, error) {
	want := blob.Header{ID: plan.ID, Key: c.key, From: c.from, Tokens: c.to - c.from, Sealed: plan.Sealed}
	payload, got, err := blob.Read(blob.Path(plan.Dir, c.key), &plan.Secret, &want, buf)
	if err != nil {
		return buf, "", err
	}
	if len(payload) != (c.to-c.from)*joint.TokenBytes() {
		return payload, "", errors.New("its payload has another length than this model's state")
	}
	return payload, got.Origin, joint.Put(c.from, payload)
}
