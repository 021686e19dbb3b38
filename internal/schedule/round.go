package schedule

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// admit moves waiting requests into free slots, first come first served. While a slot is tainted
// nobody is let in, so that the others empty and it can be washed.
func (s *Scheduler) admit() {
	s.washSlots()
	for {
		slot := -1
		if !slices.Contains(s.tainted, true) {
			slot = s.freeSlot()
		}
		j := s.dequeue(slot >= 0)
		if j == nil {
			return
		}
		s.start(j, slot)
	}
}

// freeSlot prefers low numbers: llama.cpp batches streams together only if they are neighbours.
func (s *Scheduler) freeSlot() int {
	for i, j := range s.slots {
		if j == nil {
			return i
		}
	}
	return -1
}

// dequeue drops the requests whose callers have gone and, if there is room, takes the next one.
func (s *Scheduler) dequeue(room bool) *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.queue = slices.DeleteFunc(s.mu.queue, func(j *job) bool { return j.ctx.Err() != nil })
	if !room || len(s.mu.queue) == 0 {
		return nil
	}
	j := s.mu.queue[0]
	s.mu.queue = slices.Delete(s.mu.queue, 0, 1)
	return j
}

func (s *Scheduler) start(j *job, slot int) {
	j.slot, j.started = slot, s.options.Now()
	base.Started(j.ctx)
	sampler, err := s.runner.NewSampler(&j.sampling, j.prompt)
	if err != nil {
		j.feed.finish(nil, err)
		return
	}
	j.sampler = sampler
	s.slots[slot] = j
}

// release ends a request and frees its slot.
func (s *Scheduler) release(j *job, r *base.Result, err error) {
	j.sampler.Close()
	s.runner.Clear(j.slot)
	s.slots[j.slot] = nil
	j.feed.finish(r, err)
}

// fail ends a request whose computation went wrong. Values it left in its slot could reach the next
// request through masked cells (anything times not-a-number is not a number), so the slot rests
// until its memory can be overwritten.
func (s *Scheduler) fail(j *job, err error) {
	s.tainted[j.slot] = true
	s.release(j, nil, fmt.Errorf("inference failed: %w", err))
}

// washSlots overwrites tainted slots once nobody is in work.
func (s *Scheduler) washSlots() {
	if !slices.Contains(s.tainted, true) || slices.ContainsFunc(s.slots, func(j *job) bool { return j != nil }) {
		return
	}
	s.runner.Reset()
	clear(s.tainted)
}

func (s *Scheduler) dropCancelled() {
	for _, j := range s.slots {
		if j != nil && j.ctx.Err() != nil {
			s.release(j, nil, j.ctx.Err())
		}
	}
}

// decode adds one token to every answer under way, all in one batch.
func (s *Scheduler) decode() bool {
	s.steps = s.steps[:0]
	for _, j := range s.slots {
		if j != nil && !j.reading() {
			s.steps = append(s.steps, Step{Slot: j.slot, Position: len(j.prompt) + j.count - 1, Tokens: []base.Token{j.next}, Output: true})
		}
	}
	if len(s.steps) == 0 {
		return false
	}
	err := s.runner.Eval(s.closing, s.steps)
	for i, step := range s.steps {
		s.advance(s.slots[step.Slot], i, err)
	}
	return true
}

// prefill reads one slice of one prompt; prompts take turns.
func (s *Scheduler) prefill() bool {
	j, alone := s.nextReader()
	if j == nil {
		return false
	}
	end := sliceEnd(j.read, len(j.prompt), s.pace.limit(alone))
	s.steps = append(s.steps[:0], Step{Slot: j.slot, Position: j.read, Tokens: j.prompt[j.read:end], Output: end == len(j.prompt)})
	ctx, cancel := context.WithCancel(j.ctx)
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()

	before := s.options.Now()
	err := s.runner.Eval(ctx, s.steps)
	if err == nil {
		s.pace.observe(end-j.read, s.options.Now().Sub(before))
		j.read = end
	}
	if err != nil || !j.reading() {
		s.advance(j, 0, err)
	}
	return true
}

// nextReader picks the slot whose prompt is read next, and says whether nobody else is in work.
func (s *Scheduler) nextReader() (next *job, alone bool) {
	busy := 0
	for i := range s.slots {
		slot := (s.turn + 1 + i) % len(s.slots)
		j := s.slots[slot]
		if j == nil {
			continue
		}
		busy++
		if next == nil && j.reading() {
			next = j
		}
	}
	if next != nil {
		s.turn = next.slot
	}
	return next, busy == 1
}

// advance samples the next token of j from the i-th step of the last Eval, which ended with err.
func (s *Scheduler) advance(j *job, i int, err error) {
	switch {
	case isCancel(err):
		if j.ctx.Err() != nil {
			err = j.ctx.Err()
		} else {
			err = errClosed
		}
		s.release(j, nil, err)
		return
	case err != nil:
		s.fail(j, err)
		return
	}
	token, err := j.sampler.Next(i)
	switch {
	case errors.Is(err, base.ErrInvalid): // its own doing; the computation was sound
		s.release(j, nil, err)
	case err != nil:
		s.fail(j, err)
	default:
		s.accept(j, token)
	}
}

// accept adds a sampled token to the answer and ends it where it ends.
func (s *Scheduler) accept(j *job, token base.Token) {
	if j.count == 0 {
		j.first = s.options.Now()
	}
	j.count++
	j.next = token
	if s.vocabulary.IsEnd(token) {
		s.finish(j, base.FinishStop)
		return
	}
	s.piece = s.vocabulary.AppendPiece(s.piece[:0], token)
	text, stopped := j.answer.add(token, s.piece)
	j.feed.put(base.Chunk{Text: text, Tokens: []base.Token{token}})
	switch {
	case stopped:
		s.finish(j, base.FinishStop)
	case j.count == j.limit:
		s.finish(j, base.FinishLength)
	}
}

func (s *Scheduler) finish(j *job, reason base.FinishReason) {
	if rest := j.answer.flush(); rest != "" {
		j.feed.put(base.Chunk{Text: rest})
	}
	now := s.options.Now()
	s.release(j, &base.Result{
		Text: j.answer.text.String(), PromptTokens: j.prompt, Tokens: j.answer.kept(),
		FinishReason: reason, StopString: j.answer.stop,
		Usage:   base.Usage{PromptTokens: len(j.prompt), CompletionTokens: j.count},
		Timings: base.Timings{Queue: j.started.Sub(j.queued), Prefill: j.first.Sub(j.started), Decode: now.Sub(j.first)},
	}, nil)
}
