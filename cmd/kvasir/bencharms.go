package main

import (
	"context"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/bench"
	"github.com/kvasir-cache/kvasir/internal/setup"
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

// watchedHost is an inference host that says what it did last. An answer that reaches the limit on tokens
// counts as ended, since the cache does not keep answers that were cut off.
type watchedHost struct {
	setup.Host
	maxTokens int

	mu  sync.Mutex // an inference that was given up may still end
	did bench.Answer
}

func (h *watchedHost) Generate(ctx context.Context, r *base.Request, emit func(base.Chunk) error) (*base.Result, error) {
	began := time.Now()
	result, err := h.Host.Generate(ctx, r, emit)
	return h.ended(began, result), err
}

func (h *watchedHost) GenerateState(ctx context.Context, r *base.Request, plan *base.StatePlan, emit func(base.Chunk) error) (*base.Result, error) {
	began := time.Now()
	result, err := h.Host.GenerateState(ctx, r, plan, emit)
	return h.ended(began, result), err
}

func (h *watchedHost) ended(began time.Time, result *base.Result) *base.Result {
	if result == nil {
		return nil
	}
	h.mu.Lock()
	h.did = bench.Answer{Model: time.Since(began), PromptTokens: result.Usage.PromptTokens, AnswerTokens: result.Usage.CompletionTokens}
	h.mu.Unlock()
	if h.maxTokens > 0 && result.Usage.CompletionTokens >= h.maxTokens {
		result.FinishReason = base.FinishStop
	}
	return result
}

// take returns what was done since it was last called.
func (h *watchedHost) take() bench.Answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	did := h.did
	h.did = bench.Answer{}
	return did
}

// plainArm answers by the model alone.
type plainArm struct {
	asking
	host *watchedHost
}

var _ bench.Arm = (*plainArm)(nil)

func (a *plainArm) Ask(ctx context.Context, prompt string) (bench.Answer, error) {
	_, err := a.host.Generate(ctx, a.request(prompt), func(base.Chunk) error { return nil })
	return a.host.take(), err
}

// cachedArm answers as kvasir run does: from the store, or by the model, whose answer is then on disk.
type cachedArm struct {
	asking
	model *setup.Model
	host  *watchedHost // the model's
}

var _ bench.CachedArm = (*cachedArm)(nil)

func (a *cachedArm) Ask(ctx context.Context, prompt string) (bench.Answer, error) {
	a.host.take()
	answer, err := a.model.Serve(ctx, &engine.Query{Request: a.request(prompt)}, func(base.Chunk) error { return nil })
	if err != nil {
		return bench.Answer{}, err
	}
	did := a.host.take()
	did.Decision = answer.Decision
	return did, answer.Receipt.Wait(ctx)
}

func (a *cachedArm) Prompt(ctx context.Context, entry string) (string, error) {
	e, err := a.model.Store().Get(ctx, entry)
	if err != nil {
		return "", err
	}
	return e.Prompt, nil
}
