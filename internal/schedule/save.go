package schedule

import (
	"errors"
	"fmt"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
)

// save is a state on its way to chunk files.
type save struct {
	state  []byte
	slot   int
	tokens []base.Token // what the state holds
	spans  [][2]int     // the chunks to write, in order
	prompt int          // tokens behind this were decoded
	origin base.Origin  // of the tokens of the prompt
	each   time.Duration
	plan   *base.StatePlan
	report *reporter
}

// savePrompt saves what a plan wants saved of a prompt that was read to its end. It takes one copy and
// leaves the rest to a goroutine. Its error says what became of the slot.
func (s *Scheduler) savePrompt(j *job) error {
	st := j.state
	if st == nil || !st.plan.Save || s.options.State == nil {
		return nil
	}
	if j.spent < st.plan.MinPrefill {
		st.skipped = true
		return nil
	}
	spans := s.options.State.of(&st.plan).spans(st, j.whole)
	if len(spans) == 0 {
		return nil
	}
	return s.save(j, &save{tokens: j.prompt, spans: spans, prompt: len(j.prompt), origin: s.originOf(j)})
}

// originOf returns the origin of what is read behind what was restored. Only what was read as a cold prompt
// is counts as prefill.
func (s *Scheduler) originOf(j *job) base.Origin {
	o, st := s.options.State, j.state
	near := st.restored > 0 && (st.restored%o.Align != 0 || j.whole-st.restored < o.Leave)
	if near || st.origin == base.OriginDecode {
		return base.OriginDecode
	}
	return base.OriginPrefill
}

// saveAnswer saves the tokens of a finished answer, if the plan wants it and the prompt before them is
// saved. The last token was chosen and never read, and those of a stop string are not kept.
func (s *Scheduler) saveAnswer(j *job) {
	st := j.state
	if st == nil || !st.plan.SaveAnswer || s.options.State == nil {
		return
	}
	missing := st.saved < len(j.prompt)/base.ChunkTokens*base.ChunkTokens
	if missing && (!st.plan.Save || st.skipped) {
		return
	}
	held := min(j.count-1, len(j.answer.tokens))
	kept := len(j.prompt) + min(held, len(j.answer.kept()))
	align := s.options.State.of(&st.plan).Align
	spans := s.options.State.list(st.saved, kept, kept/align*align)
	if len(spans) == 0 || kept == len(j.prompt) {
		return
	}
	tokens := append(j.prompt[:len(j.prompt):len(j.prompt)], j.answer.tokens[:held]...)
	s.saveLast(j, &save{tokens: tokens, spans: spans, prompt: len(j.prompt), origin: s.originOf(j)})
}

// saveLast saves what a slot holds before it is emptied.
func (s *Scheduler) saveLast(j *job, w *save) {
	if errors.Is(s.save(j, w), ErrSlotLost) {
		s.tainted[j.slot] = true
	}
}

// spans lists the chunks of a prompt of n tokens that are to be saved: full ones behind those that were
// restored, and one behind which the same prompt can resume when it comes again.
func (o *StateOptions) spans(st *stateJob, n int) [][2]int {
	short := (n - o.Leave) / o.Align * o.Align
	if short <= st.restored {
		short = 0
	}
	return o.list(st.full, n, short)
}

// list lists the full chunks from full to n, and a shorter one that ends at short.
func (o *StateOptions) list(full, n, short int) (spans [][2]int) {
	const size = base.ChunkTokens
	begin := max(short/size*size, full)
	for from := full; from+size <= n; from += size {
		spans = append(spans, [2]int{from, from + size})
	}
	if short > begin && short < begin+size {
		spans = append(spans, [2]int{begin, short})
	}
	return spans
}

// forget makes a job one that restored nothing and saves nothing.
func (st *stateJob) forget() {
	st.restored, st.origin, st.full, st.saved = 0, "", 0, 0
	st.plan.Save, st.plan.SaveAnswer = false, false
}

// save takes a copy of a slot's state and writes it in a goroutine.
func (s *Scheduler) save(j *job, w *save) error {
	st := j.state
	select {
	case s.saves <- struct{}{}:
	default:
		st.report.trouble(fmt.Sprintf("%d others are being written", maxSaves))
		return nil
	}
	state, err := s.runner.State(j.slot, len(w.tokens), s.spare.get(s.options.State.Layout.Size(len(w.tokens))))
	if err != nil {
		<-s.saves
		st.report.trouble(fmt.Sprintf("the state was not saved: %v", err))
		return err
	}
	w.state, w.slot, w.plan, w.report = state, j.slot, &st.plan, st.report
	if computed := j.read - st.restored; computed > 0 {
		w.each = j.spent / time.Duration(computed)
	}
	for _, span := range w.spans {
		if span[1]-span[0] == base.ChunkTokens {
			st.saved = span[1]
		}
	}
	w.report.join()
	s.files.Go(func() {
		saved, err := s.write(w)
		s.spare.put(w.state)
		<-s.saves
		if err != nil {
			w.report.trouble(fmt.Sprintf("the state was not saved whole: %v", err))
		}
		w.report.leave(func(r *base.StateReport) { r.Saved = append(r.Saved, saved...) })
	})
	return nil
}

// write writes chunk files until all are written, one fails, or the scheduler closes.
func (s *Scheduler) write(w *save) (saved []base.SavedChunk, err error) {
	l := s.options.State.Layout
	state, err := l.Parse(w.state, w.slot, len(w.tokens))
	if err != nil {
		return nil, err
	}
	var payload []byte
	parent := keyAfter(w.plan.Seed, w.tokens, w.spans[0][0])
	for _, span := range w.spans {
		if s.closing.Err() != nil {
			return saved, errors.New("the inference host is closing")
		}
		if payload, err = l.Cut(payload[:0], state, span[0], span[1]); err != nil {
			return saved, err
		}
		if n := len(saved); n > 0 && saved[n-1].From < span[0] {
			parent = saved[n-1].Key
		}
		c, err := w.write(parent, span, payload)
		if err != nil {
			return saved, err
		}
		saved = append(saved, c)
	}
	return saved, nil
}

func (w *save) write(parent blob.Key, span [2]int, payload []byte) (base.SavedChunk, error) {
	tokens := w.tokens[span[0]:span[1]:span[1]]
	c := base.SavedChunk{Parent: parent, Key: blob.NextKey(parent, tokens), From: span[0], Tokens: tokens,
		Origin: w.origin, Cost: w.each * time.Duration(len(tokens))}
	if span[1] > w.prompt {
		c.Origin = base.OriginDecode
	}
	var err error
	c.Temp, c.Bytes, err = blob.Write(w.plan.Dir, &w.plan.Secret,
		&blob.Header{ID: w.plan.ID, Key: c.Key, From: c.From, Tokens: len(tokens), Origin: c.Origin, Sealed: w.plan.Sealed}, payload)
	return c, err
}
