package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/bench"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

// resumedArm answers as kvasir run does, and watches what is saved.
type resumedArm struct {
	model *setup.Model
	host  *savingHost
	info  *base.Info
	size  float64 // chunks in the store before the last prompt
}

var _ bench.ResumeArm = (*resumedArm)(nil)

// savingHost is an inference host that says what it saved.
type savingHost struct {
	setup.Host
	reports chan *base.StateReport // of each GenerateState
}

func (h *savingHost) GenerateState(ctx context.Context, r *base.Request, plan *base.StatePlan, emit func(base.Chunk) error) (*base.Result, error) {
	watched := *plan
	watched.Done = func(report *base.StateReport) {
		h.reports <- report
		plan.Done(report)
	}
	return h.Host.GenerateState(ctx, r, &watched, emit)
}

// openResumed opens a model behind the cache, with its host started.
func openResumed(ctx context.Context, i inference) (*resumedArm, error) {
	a := &resumedArm{host: &savingHost{reports: make(chan *base.StateReport, 1)}}
	options := i.options()
	options.Start = func(ctx context.Context) (_ setup.Host, err error) {
		a.host.Host, err = i.start(ctx)
		return a.host, err
	}
	var err error
	if a.model, err = setup.OpenModel(ctx, i.config, options); err != nil {
		return nil, err
	}
	if err := a.start(ctx); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *resumedArm) start(ctx context.Context) (err error) {
	if a.model.Store() == nil {
		return errors.New("the store of the benchmark could not be opened")
	}
	if err := a.model.Start(ctx); err != nil {
		return err
	}
	if a.info, err = a.host.Info(ctx); err != nil {
		return err
	}
	if !a.info.State.Supported {
		return &base.Error{Sentinel: base.ErrUnsupported, Message: "the state of this model cannot be saved: " + a.info.State.Reason}
	}
	return nil
}

func (a *resumedArm) close() { a.model.Close() }

// ask asks for one token and takes the time until it is there.
func (a *resumedArm) ask(ctx context.Context, prompt []base.Token) (first bench.FirstToken, err error) {
	began := time.Now()
	q := &engine.Query{Request: &base.Request{Tokens: prompt, MaxTokens: 1}}
	answer, err := a.model.Serve(ctx, q, func(base.Chunk) error {
		if first.Took == 0 {
			first.Took = time.Since(began)
		}
		return nil
	})
	if err != nil {
		return first, err
	}
	if first.Took == 0 { // the first token ended the answer
		first.Took = time.Since(began)
	}
	if answer.Action == base.ActionAnswer {
		return first, errors.New("the store answered a prompt that is new")
	}
	first.Restored, first.Restore, first.Prefill = answer.Result.Restored, answer.Result.Timings.Restore, answer.Result.Timings.Prefill
	return first, nil
}

func (a *resumedArm) Cold(ctx context.Context, prompt []base.Token) (first bench.FirstToken, err error) {
	if a.size, err = a.chunks(ctx); err != nil {
		return first, err
	}
	return a.ask(ctx, prompt)
}

func (a *resumedArm) Resume(ctx context.Context, _ string, prompt []base.Token) (bench.FirstToken, error) {
	first, err := a.ask(ctx, prompt)
	if err == nil {
		_, err = a.report(ctx)
	}
	return first, err
}

// Save waits until what the host saved is in the store.
func (a *resumedArm) Save(ctx context.Context, _ string) (bytes int64, err error) {
	report, err := a.report(ctx)
	if err != nil {
		return 0, err
	}
	for _, c := range report.Saved {
		bytes += c.Bytes
	}
	for wait := time.NewTimer(savePatience); ; {
		size, err := a.chunks(ctx)
		if err != nil || size > a.size {
			return bytes, err
		}
		select {
		case <-wait.C:
			return 0, fmt.Errorf("the state was not saved in %s", savePatience)
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(saveStep):
		}
	}
}

// How long saved state may take to get into the store, and how often is looked.
const (
	savePatience = time.Minute
	saveStep     = 5 * time.Millisecond
)

// report waits for what the host says of the last prompt.
func (a *resumedArm) report(ctx context.Context) (*base.StateReport, error) {
	select {
	case report := <-a.host.reports:
		if report.Trouble != "" {
			return nil, errors.New(report.Trouble)
		}
		return report, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// chunks returns how many chunks of state are stored.
func (a *resumedArm) chunks(ctx context.Context) (float64, error) {
	stats, err := a.model.Store().Stats(ctx)
	return stats["kv.size"], err
}
