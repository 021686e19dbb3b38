package schedule

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// admit moves waiting requests into free slots, first come first served. While a slot is tainted
// nobody is let in, so that the others empty and it can be washed. A Prefill leaves its slot to a request
// that finds no other.
func (s *Scheduler) admit() {
	if slices.Contains(s.tainted, true) {
		s.yieldSlot()
	}
	s.washSlots()
	for {
		slot := -1
		if !slices.Contains(s.tainted, true) {
			slot = s.freeSlot()
		}
		if slot < 0 && s.waiting() {
			slot = s.yieldSlot()
		}
		j := s.dequeue(slot >= 0)
		if j == nil {
			s.admitBackground()
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
	s.mu.queue = slices.DeleteFunc(s.mu.queue, (*job).gone)
	s.mu.background = slices.DeleteFunc(s.mu.background, (*job).gone)
	if !room || len(s.mu.queue) == 0 {
		return nil
	}
	return shift(&s.mu.queue)
}

// gone ends a job in the queue whose caller does not wait any more.
func (j *job) gone() bool {
	if j.ctx.Err() == nil {
		return false
	}
	j.end(nil, j.ctx.Err())
	return true
}

func shift(queue *[]*job) *job {
	j := (*queue)[0]
	*queue = slices.Delete(*queue, 0, 1)
	return j
}

// waiting reports whether a request waits for a slot.
func (s *Scheduler) waiting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mu.queue) > 0
}

func (s *Scheduler) start(j *job, slot int) {
	j.slot, j.started = slot, s.options.Now()
	base.Started(j.ctx)
	if !j.background {
		sampler, err := s.runner.NewSampler(&j.sampling, j.prompt)
		if err != nil {
			j.end(nil, err)
			return
		}
		j.sampler = sampler
	}
	s.slots[slot] = j
	s.restore(j)
}

// release ends a request and frees its slot.
func (s *Scheduler) release(j *job, r *base.Result, err error) {
	if j.sampler != nil {
		j.sampler.Close()
	}
	s.runner.Clear(j.slot)
	s.slots[j.slot], s.freed = nil, true
	j.end(r, err)
}

// fail ends a request whose computation went wrong. Values it left in its slot could reach the next
// request through masked cells (anything times not-a-number is not a number), so the slot rests
// until its memory can be overwritten.
func (s *Scheduler) fail(j *job, err error) {
	s.tainted[j.slot] = true
	s.release(j, nil, fmt.Errorf("inference failed: %w", err))
}

// washSlots overwrites tainted slots once nobody is in work but those who wait for it.
func (s *Scheduler) washSlots() {
	if !slices.Contains(s.tainted, true) || slices.ContainsFunc(s.slots, func(j *job) bool { return j != nil && j.phase != washing }) {
		return
	}
	s.runner.Reset()
	clear(s.tainted)
	for _, j := range s.slots {
		if j != nil {
			j.phase = reading
		}
	}
}

// startOver has a job read its prompt from the beginning, in memory that was overwritten: what its slot
// holds is not to be trusted.
func (s *Scheduler) startOver(j *job) {
	s.tainted[j.slot] = true
	j.phase, j.read = washing, 0
	j.state.forget()
	s.runner.Clear(j.slot)
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
		if j != nil && j.phase == decoding {
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
	// A request that comes during a slice of a Prefill waits for its end.
	end := SliceEnd(j.read, len(j.prompt), s.pace.limit(alone && !j.background))
	last := end == len(j.prompt)
	s.steps = append(s.steps[:0], Step{Slot: j.slot, Position: j.read, Tokens: j.prompt[j.read:end], Output: last && !j.background})
	ctx, cancel := context.WithCancel(j.ctx)
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()

	before := s.options.Now()
	err := s.runner.Eval(ctx, s.steps)
	if err == nil {
		took := s.options.Now().Sub(before)
		s.pace.observe(end-j.read, took)
		j.read, j.spent = end, j.spent+took
	}
	if err != nil || last {
		s.endOfPrompt(j, err)
	}
	return true
}

// endOfPrompt goes on to the answer, or ends the job. Until a token is sampled, nothing else may be
// computed.
func (s *Scheduler) endOfPrompt(j *job, err error) {
	if err == nil && errors.Is(s.savePrompt(j), ErrSlotLost) {
		s.startOver(j)
		return
	}
	if err == nil && j.background {
		s.release(j, nil, nil)
		return
	}
	j.phase = decoding
	s.advance(j, 0, err)
}

// nextReader picks the slot whose prompt is read next, and says whether nobody else is in work. A
// Prefill has its turn only then.
func (s *Scheduler) nextReader() (next *job, alone bool) {
	busy := 0
	for _, j := range s.slots {
		if j != nil {
			busy++
		}
	}
	for i := range s.slots {
		slot := (s.turn + 1 + i) % len(s.slots)
		j := s.slots[slot]
		if j != nil && j.phase == reading && (!j.background || busy == 1) {
			s.turn = slot
			return j, busy == 1
		}
	}
	return nil, false
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
	s.saveAnswer(j)
	begin, restored := j.state.since(j.started)
	s.release(j, &base.Result{
		Text: j.answer.text.String(), PromptTokens: j.prompt, Tokens: j.answer.kept(),
		FinishReason: reason, StopString: j.answer.stop, Restored: restored,
		Usage:   base.Usage{PromptTokens: len(j.prompt), CompletionTokens: j.count},
		Timings: base.Timings{Queue: j.started.Sub(j.queued), Restore: begin.Sub(j.started), Prefill: j.first.Sub(begin), Decode: now.Sub(j.first)},
	}, nil)
}
