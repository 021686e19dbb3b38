package server

import (
	"context"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/openai"
)

// outcome is what a job came to.
type outcome struct {
	*engine.Answer
	decision *openai.Decision
}

// do does jobs at the same time, and gives emit each piece of their answers with the number of the job, from
// many goroutines. The first error ends them all.
func (x *exchange) do(ctx context.Context, jobs []job, w *wishes, emit func(i int, text string) error) ([]outcome, error) {
	outcomes := make([]outcome, len(jobs))
	if len(jobs) == 1 {
		var err error
		outcomes[0], err = x.doOne(ctx, jobs[0].query, w, true, func(c base.Chunk) error { return emit(0, c.Text) })
		return outcomes, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for i, job := range jobs {
		all.Go(func() {
			var err error
			outcomes[i], err = x.doOne(ctx, job.query, w, false, func(c base.Chunk) error { return emit(i, c.Text) })
			if err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	x.tellAll(outcomes)
	return outcomes, nil
}

// doOne does one job. If it is the only one, headers say what was decided before anything is emitted.
func (x *exchange) doOne(ctx context.Context, q *engine.Query, w *wishes, alone bool, emit func(base.Chunk) error) (o outcome, err error) {
	began := time.Now()
	ctx = engine.WithDecided(ctx, func(f *engine.Found) {
		o.decision = x.decided(f)
		if alone {
			x.tell(o.decision)
		}
	})
	answer := x.server.options.Model.Answer
	if w.onlyStored {
		answer = x.server.options.Model.Stored
	}
	if o.Answer, err = answer(ctx, q, emit); err != nil {
		return o, err
	}
	if o.decision == nil { // there is no cache
		o.decision = x.decided(&engine.Found{Decision: o.Decision})
		if alone {
			x.tell(o.decision)
		}
	}
	if o.Action != base.ActionAnswer && !o.Shared {
		t := o.Result.Timings
		x.server.pace.add(t.Prefill + t.Decode)
	}
	x.server.metrics.decision(o.decision)
	x.step(&o, began)
	return o, nil
}

// tellAll says in headers what was decided of all prompts, if that was the same.
func (x *exchange) tellAll(outcomes []outcome) {
	common := &openai.Decision{Action: outcomes[0].decision.Action, Reason: outcomes[0].decision.Reason}
	for _, o := range outcomes {
		if o.decision.Action != common.Action {
			common.Action, common.Reason = "mixed", "the prompts were answered in several ways"
		}
	}
	x.tell(common)
}

// usage adds up what outcomes took. A prompt counts once, however many choices it has.
func (x *exchange) usage(jobs []job, outcomes []outcome, n int) openai.Usage {
	var u openai.Usage
	for i, o := range outcomes {
		prompt, cached := o.Result.Usage.PromptTokens, o.Result.Restored
		if o.Action == base.ActionAnswer {
			cached = prompt
		}
		if jobs[i].choices[0]%n != 0 {
			prompt, cached = 0, 0 // counted with the first choice
		}
		u.Add(prompt, len(jobs[i].choices)*o.Result.Usage.CompletionTokens, cached)
	}
	x.note.prompt, x.note.answer = u.PromptTokens, u.CompletionTokens
	return u
}

// detailsOf returns the decision for the body, or several, where they were asked for.
func (w *wishes) detailsOf(outcomes ...outcome) any {
	switch {
	case !w.details:
		return nil
	case len(outcomes) == 1:
		return *outcomes[0].decision
	}
	var all []openai.Decision
	for _, o := range outcomes {
		all = append(all, *o.decision)
	}
	return all
}

// head is that of a new answer.
func (x *exchange) head(prefix, object string) openai.Head {
	o := &x.server.options
	return openai.Head{ID: newID(prefix), Object: object, Created: time.Now().Unix(), Model: o.Name, Fingerprint: o.Fingerprint}
}
