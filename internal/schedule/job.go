package schedule

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// job is one request on its way. All but feed and ctx belongs to the loop's goroutine once queued.
type job struct {
	ctx      context.Context
	prompt   []base.Token
	whole    int           // tokens of the prompt, of which a Prefill reads only what can be saved
	sampling base.Sampling // a copy: the loop may look at it after Generate has returned
	limit    int           // most tokens of the answer
	feed     feed
	state    *stateJob // nil without a plan

	// background marks a Prefill: it has no sampler, and gives way to every request.
	background bool

	slot    int
	phase   phase
	read    int           // tokens of the prompt already evaluated or restored
	spent   time.Duration // on reading them
	sampler Sampler
	answer  answer
	count   int        // tokens sampled
	next    base.Token // sampled, not yet evaluated

	queued, started, first time.Time
}

// phase says what a job in a slot waits for.
type phase int

const (
	reading   phase = iota // its prompt, or what was not restored of it, is being read
	restoring              // its chunk files are being read
	washing                // the memory of its slot must be overwritten before it can begin
	decoding               // its answer is under way
)

// end ends a job that holds no slot.
func (j *job) end(r *base.Result, err error) {
	if j.state != nil {
		j.state.end(j)
	}
	j.feed.finish(r, err)
}

// Generate answers a prompt given as tokens. Of r it uses MaxTokens, Stop and Sampling, which the
// caller has validated. It calls base.Started when the request leaves the queue. See base.Host.
func (s *Scheduler) Generate(ctx context.Context, prompt []base.Token, r *base.Request, emit func(base.Chunk) error) (*base.Result, error) {
	room, err := s.roomFor(prompt, r.MaxTokens)
	if err != nil {
		return nil, err
	}
	return s.generate(ctx, &job{prompt: prompt, sampling: copied(r.Sampling), limit: room, answer: newAnswer(r.Stop)}, emit)
}

// roomFor returns how many tokens the answer to a prompt may have.
func (s *Scheduler) roomFor(prompt []base.Token, most int) (int, error) {
	if len(prompt) == 0 {
		return 0, &base.Error{Sentinel: base.ErrInvalid, Message: "the prompt has no tokens"}
	}
	room := s.options.Context - len(prompt)
	if room < 1 {
		return 0, &base.Error{Sentinel: base.ErrTooLong,
			Message: fmt.Sprintf("the prompt has %d tokens; with room for an answer the context of %d tokens holds %d", len(prompt), s.options.Context, s.options.Context-1),
			Hint:    "raise the context (--context), or shorten the prompt"}
	}
	if most > 0 {
		room = min(room, most)
	}
	return room, nil
}

// generate runs a job. When it returns, the job has ended or will soon.
func (s *Scheduler) generate(ctx context.Context, j *job, emit func(base.Chunk) error) (*base.Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // frees the slot if emit fails
	j.ctx, j.queued = ctx, s.options.Now()
	j.feed.ready = make(chan struct{}, 1)
	if err := s.enqueue(j); err != nil {
		if j.state != nil {
			j.state.report.cancel()
		}
		return nil, err
	}
	return j.feed.drain(ctx, emit)
}

func copied(s base.Sampling) base.Sampling {
	s.LogitBias = slices.Clone(s.LogitBias)
	return s
}

func (s *Scheduler) enqueue(j *job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return errClosed
	}
	queue := &s.mu.queue
	if j.background {
		queue = &s.mu.background
	}
	if len(*queue) >= s.options.Queue {
		return &base.Error{Sentinel: base.ErrOverloaded, Message: fmt.Sprintf("%d requests are waiting already", len(*queue)),
			Hint: "send it again later, or serve more at once (parallel) or let more wait (queue)"}
	}
	*queue = append(*queue, j)
	s.nudge()
	return nil
}

// feed carries an answer from the loop to the caller of Generate without ever holding up the loop.
// What it keeps is bounded by the length of the answer.
type feed struct {
	ready chan struct{} // holds one token while there is something to take

	mu struct {
		sync.Mutex
		chunks []base.Chunk
		ended  bool
		result *base.Result
		err    error
	}
}

func (f *feed) put(c base.Chunk) {
	f.mu.Lock()
	f.mu.chunks = append(f.mu.chunks, c)
	f.mu.Unlock()
	f.signal()
}

func (f *feed) finish(r *base.Result, err error) {
	f.mu.Lock()
	f.mu.ended, f.mu.result, f.mu.err = true, r, err
	f.mu.Unlock()
	f.signal()
}

func (f *feed) signal() {
	select {
	case f.ready <- struct{}{}:
	default:
	}
}

// drain hands chunks to emit until the answer ends, emit fails or ctx ends.
func (f *feed) drain(ctx context.Context, emit func(base.Chunk) error) (*base.Result, error) {
	for {
		select {
		case <-f.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		f.mu.Lock()
		chunks, ended, result, err := f.mu.chunks, f.mu.ended, f.mu.result, f.mu.err
		f.mu.chunks = nil
		f.mu.Unlock()
		for _, c := range chunks {
			if err := emit(c); err != nil {
				return nil, err
			}
		}
		if ended {
			return result, err
		}
	}
}
