package main

import (
	"context"
	"fmt"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/bench"
)

// asking says how requests are asked: as kvasir run -p asks them.
type asking struct {
	maxTokens   int // 0 is no limit
	temperature float32
}

func (q asking) request(prompt string) *base.Request {
	return &base.Request{
		Messages: []base.Message{{Role: base.RoleUser, Content: prompt}}, MaxTokens: q.maxTokens,
		Sampling: base.Sampling{Temperature: q.temperature},
	}
}

// infer asks the model. An answer that reaches the limit on tokens counts as ended, since the cache does not
// keep answers that were cut off.
func (q asking) infer(ctx context.Context, host base.Host, r *base.Request, did *bench.Answer) (*base.Result, error) {
	began := time.Now()
	result, err := host.Generate(ctx, r, func(base.Chunk) error { return nil })
	if err != nil {
		return nil, err
	}
	did.Model, did.PromptTokens, did.AnswerTokens = time.Since(began), result.Usage.PromptTokens, result.Usage.CompletionTokens
	if q.maxTokens > 0 && result.Usage.CompletionTokens >= q.maxTokens {
		result.FinishReason = base.FinishStop
	}
	return result, nil
}

// plainArm answers by the model alone.
type plainArm struct {
	asking
	host base.Host
}

var _ bench.Arm = (*plainArm)(nil)

func (a *plainArm) Ask(ctx context.Context, prompt string) (did bench.Answer, err error) {
	_, err = a.infer(ctx, a.host, a.request(prompt), &did)
	return did, err
}

// cachedArm answers as kvasir run does: from the store, or by the model, whose answer is then on disk.
type cachedArm struct {
	asking
	cached *cached
}

var _ bench.CachedArm = (*cachedArm)(nil)

func (a *cachedArm) Ask(ctx context.Context, prompt string) (bench.Answer, error) {
	r, did := a.request(prompt), bench.Answer{} // did is the inference's until Serve returns without an error
	infer := func(ctx context.Context, _ func(base.Chunk) error) (*base.Result, error) {
		host, err := a.cached.needHost(ctx)
		if err != nil {
			return nil, err
		}
		return a.infer(ctx, host, r, &did)
	}
	answer, err := a.cached.cache.store.Serve(ctx, &engine.Query{Model: a.cached.model, Request: r}, infer, func(base.Chunk) error { return nil })
	if err != nil {
		return bench.Answer{}, err
	}
	did.Decision = answer.Decision
	if err := answer.Receipt.Wait(ctx); err != nil {
		return bench.Answer{}, fmt.Errorf("the answer could not be stored: %w", err)
	}
	return did, nil
}

func (a *cachedArm) Prompt(ctx context.Context, entry string) (string, error) {
	e, err := a.cached.cache.store.Get(ctx, entry)
	if err != nil {
		return "", err
	}
	return e.Prompt, nil
}
