package schedule

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/layout"
)

// StateOptions says how state is saved and where a prompt may go on from it.
type StateOptions struct {
	Layout *layout.Layout
	// A prompt resumes at a multiple of Align tokens and reads Leave or more of its own; only so its
	// numbers are those of a prompt that was read from the beginning.
	Align, Leave int
}

// Where a prompt resumes whose numbers need only be near.
const (
	nearAlign = 4
	nearLeave = 2
)

// of returns the options for a plan.
func (o *StateOptions) of(plan *base.StatePlan) *StateOptions {
	if !plan.Near {
		return o
	}
	return &StateOptions{Layout: o.Layout, Align: nearAlign, Leave: nearLeave}
}

// Bounds on the memory that states on their way take, each as large as what a slot holds.
const (
	maxRestores = 2 // more wait
	maxSaves    = 2 // more are not saved
)

// stateJob is a job's plan and what has become of it. What is not said otherwise belongs to the loop.
type stateJob struct {
	plan   base.StatePlan
	report *reporter

	until    time.Time   // when that was over; zero if there was nothing to restore
	restored int         // tokens put into the slot
	origin   base.Origin // of those
	full     int         // tokens of the full chunks among them, which need not be saved again
	saved    int         // tokens of the full chunks that are saved, or being so
	skipped  bool        // the prompt was cheap, so that nothing was saved
}

// GenerateState is Generate with saved state; see base.StateHost. It calls plan.Done exactly once.
func (s *Scheduler) GenerateState(ctx context.Context, prompt []base.Token, r *base.Request, plan *base.StatePlan, emit func(base.Chunk) error) (*base.Result, error) {
	done := plan.Done
	if done == nil {
		done = func(*base.StateReport) {}
	}
	room, err := s.roomFor(prompt, r.MaxTokens)
	if err != nil {
		done(&base.StateReport{})
		return nil, err
	}
	j := &job{prompt: prompt, sampling: copied(r.Sampling), whole: len(prompt), limit: room, answer: newAnswer(r.Stop)}
	j.state = s.newState(plan, done)
	return s.generate(ctx, j, emit)
}

// Prefill reads tokens while nobody else is in work, and saves their state; see base.StateHost. With
// an ErrOverloaded it returns a report of what was saved before.
func (s *Scheduler) Prefill(ctx context.Context, tokens []base.Token, plan *base.StatePlan) (*base.StateReport, error) {
	if s.options.State == nil {
		return nil, &base.Error{Sentinel: base.ErrUnsupported, Message: "the state of this model cannot be saved"}
	}
	if _, err := s.roomFor(tokens, 0); err != nil {
		return nil, err
	}
	useful := s.options.State.of(plan).useful(len(tokens))
	if useful == 0 {
		return &base.StateReport{}, nil
	}
	var report *base.StateReport
	done := make(chan struct{})
	j := &job{prompt: tokens[:useful], whole: len(tokens), background: true}
	j.state = s.newState(plan, func(r *base.StateReport) { report = r; close(done) })
	_, err := s.generate(ctx, j, func(base.Chunk) error { return nil })
	<-done // soon: the job has ended, or ends with its slice, and chunks are being written
	return report, err
}

// useful is how many of n tokens can be saved.
func (o *StateOptions) useful(n int) int {
	return max(n/base.ChunkTokens*base.ChunkTokens, (n-o.Leave)/o.Align*o.Align, 0)
}

// newState makes the state of a job, whose plan is told to done.
func (s *Scheduler) newState(plan *base.StatePlan, done func(*base.StateReport)) *stateJob {
	st := &stateJob{plan: *plan, report: newReporter(s, done)}
	if s.options.State == nil && plan.Save {
		st.report.trouble("the state of this model cannot be saved")
	}
	return st
}

// since returns when the reading of a job's prompt began, and what was restored before.
func (st *stateJob) since(started time.Time) (begin time.Time, restored int) {
	if st == nil || st.until.IsZero() {
		return started, 0
	}
	return st.until, st.restored
}

// end reports what became of a job that has ended.
func (st *stateJob) end(j *job) {
	st.report.leave(func(r *base.StateReport) {
		r.Restored, r.Origin = st.restored, st.origin
		r.Computed, r.Prefill = max(j.read-st.restored, 0), j.spent
	})
}

// reporter collects a report from all who work on a plan, and hands it over when the last has left.
type reporter struct {
	s    *Scheduler
	done func(*base.StateReport)

	mu struct {
		sync.Mutex
		report base.StateReport
		open   int
	}
}

// newReporter returns a reporter with one who has to leave.
func newReporter(s *Scheduler, done func(*base.StateReport)) *reporter {
	r := &reporter{s: s, done: done}
	r.mu.open = 1
	return r
}

// join adds one more who has to leave.
func (r *reporter) join() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.open++
}

// trouble notes why something is not saved. The first reason stays.
func (r *reporter) trouble(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.report.Trouble == "" {
		r.mu.report.Trouble = reason
	}
}

// leave changes the report a last time. The last to leave hands it over, on a goroutine of its own, since
// the receiver may be slow.
func (r *reporter) leave(change func(*base.StateReport)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.mu.report)
	if r.mu.open--; r.mu.open == 0 {
		report := &r.mu.report
		slices.SortStableFunc(report.Saved, func(a, b base.SavedChunk) int {
			return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(len(a.Tokens), len(b.Tokens)))
		})
		r.s.files.Go(func() { r.done(report) })
	}
}

// cancel hands over the report of a job that no loop has seen.
func (r *reporter) cancel() { r.done(&base.StateReport{}) }

// chunk is a run of tokens with its key.
type chunk struct {
	key, parent blob.Key
	from, to    int
}

// chunks names the chunks of tokens with the given lengths, from the beginning.
func chunks(seed [32]byte, tokens []base.Token, lengths []int) []chunk {
	list := make([]chunk, 0, len(lengths))
	parent, from := seed, 0
	for _, n := range lengths {
		c := chunk{parent: parent, from: from, to: from + n}
		c.key = blob.NextKey(parent, tokens[c.from:c.to])
		list = append(list, c)
		parent, from = c.key, c.to
	}
	return list
}

// keyAfter returns the key of the last full chunk of the first n tokens, or the seed.
func keyAfter(seed [32]byte, tokens []base.Token, n int) blob.Key {
	key := seed
	for from := 0; from+base.ChunkTokens <= n; from += base.ChunkTokens {
		key = blob.NextKey(key, tokens[from:from+base.ChunkTokens])
	}
	return key
}

// buffers keeps the memory of a few states for the next ones.
type buffers struct {
	mu   sync.Mutex
	free [][]byte
}

// Memory that is kept, in bytes: larger states are rare, and what they cost is more than fresh memory.
const (
	maxSpare     = 2
	maxSpareSize = 64 << 20
)

// get returns an empty buffer with room for size bytes, or nil.
func (b *buffers) get(size int) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.free, func(buf []byte) bool { return cap(buf) >= size })
	if i < 0 {
		return nil
	}
	buf := b.free[i]
	b.free = slices.Delete(b.free, i, i+1)
	return buf
}

func (b *buffers) put(buf []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if cap(buf) == 0 || cap(buf) > maxSpareSize {
		return
	}
	if len(b.free) == maxSpare { // the smallest goes
		slices.SortFunc(b.free, func(x, y []byte) int { return cap(x) - cap(y) })
		if cap(buf) <= cap(b.free[0]) {
			return
		}
		b.free = slices.Delete(b.free, 0, 1)
	}
	b.free = append(b.free, buf[:0])
}
