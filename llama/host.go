//go:build llama

package llama

import (
	"context"
	"fmt"
	"sync"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/schedule"
)

// Host serves one model. It is a base.Host and an io.Closer.
type Host struct {
	model     *Model
	runner    *runner // nil for models that only embed
	scheduler *schedule.Scheduler
	template  string
	options   base.LoadOptions
	info      *base.Info
	state     base.StateInfo

	embedding *embedding
	checking  *checking
	closed    sync.Once

	maxText    int           // bytes; a longer prompt cannot fit into the context
	tokenizing chan struct{} // holds a token for each tokenization under way
}

var _ base.StateHost = (*Host)(nil)

// open loads the model and starts serving it. o has its defaults.
func open(ctx context.Context, o base.LoadOptions, progress func(done float64)) (*Host, error) {
	model, err := LoadModel(ctx, o.Model, progress)
	if err != nil {
		return nil, err
	}
	h := &Host{
		model: model, template: o.Template, options: o, embedding: newEmbedding(model, o), checking: newChecking(),
		maxText: o.Context * model.longestToken(), tokenizing: make(chan struct{}, o.Threads),
	}
	if h.template == "" {
		h.template = model.Template()
	}
	if !model.CanGenerate() {
		h.state.Class, h.state.Reason = model.stateClass()
		return h, nil
	}
	limits := schedule.Options{Slots: o.Parallel, Context: o.Context, Queue: o.Queue}
	h.runner, err = newRunner(model, o, limits.MaxStep())
	if err != nil {
		model.Close()
		return nil, err
	}
	if h.state, err = h.runner.learnState(ctx, model, o.Parallel); err != nil {
		h.runner.close()
		model.Close()
		return nil, err
	}
	limits.State = h.runner.stateOptions(o.FlashAttention)
	h.scheduler = schedule.New(h.runner, vocabulary{model}, limits)
	return h, nil
}

// Close ends every request, frees the model and stops its threads. It is safe to call twice.
func (h *Host) Close() error {
	h.closed.Do(func() {
		h.checking.close()
		if h.scheduler != nil {
			h.scheduler.Close()
			h.runner.close()
		}
		h.embedding.close()
		h.model.Close()
		releaseFreed()
	})
	return nil
}

// Info implements base.Host.
func (h *Host) Info(context.Context) (*base.Info, error) { return h.info, nil }

// ApplyTemplate implements base.Host.
func (h *Host) ApplyTemplate(_ context.Context, messages []base.Message) (string, error) {
	return ApplyTemplate(h.template, messages)
}

// Tokenize implements base.Host.
func (h *Host) Tokenize(ctx context.Context, text string, special bool) ([]base.Token, error) {
	select {
	case h.tokenizing <- struct{}{}:
		defer func() { <-h.tokenizing }()
		return h.model.Tokenize(text, special)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Generate implements base.Host.
func (h *Host) Generate(ctx context.Context, r *base.Request, emit func(base.Chunk) error) (*base.Result, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	if h.scheduler == nil {
		return nil, &base.Error{Sentinel: base.ErrUnsupported, Message: "this model gives embeddings and no answers"}
	}
	tokens, err := h.tokens(ctx, r)
	if err != nil {
		return nil, err
	}
	return h.scheduler.Generate(ctx, tokens, r, emit)
}

// GenerateState implements base.StateHost.
func (h *Host) GenerateState(ctx context.Context, r *base.Request, plan *base.StatePlan, emit func(base.Chunk) error) (*base.Result, error) {
	err := r.Validate()
	switch {
	case err != nil:
	case h.scheduler == nil:
		err = &base.Error{Sentinel: base.ErrUnsupported, Message: "this model gives embeddings and no answers"}
	case len(r.Tokens) == 0:
		err = &base.Error{Sentinel: base.ErrInvalid, Message: "a request with saved state holds its prompt in tokens"}
	default:
		err = h.checkTokens(r.Tokens)
	}
	if err != nil {
		if plan.Done != nil {
			plan.Done(&base.StateReport{})
		}
		return nil, err
	}
	return h.scheduler.GenerateState(ctx, r.Tokens, r, plan, emit)
}

// Prefill implements base.StateHost.
func (h *Host) Prefill(ctx context.Context, tokens []base.Token, plan *base.StatePlan) (*base.StateReport, error) {
	if !h.state.Supported {
		return nil, &base.Error{Sentinel: base.ErrUnsupported, Message: h.state.Reason}
	}
	if err := h.checkTokens(tokens); err != nil {
		return nil, err
	}
	return h.scheduler.Prefill(ctx, tokens, plan)
}

// tokens turns the prompt of r, in whichever form it came, into tokens.
func (h *Host) tokens(ctx context.Context, r *base.Request) ([]base.Token, error) {
	switch {
	case len(r.Tokens) > 0:
		return r.Tokens, h.checkTokens(r.Tokens)
	case len(r.Messages) > 0:
		text, err := h.ApplyTemplate(ctx, r.Messages)
		if err != nil {
			return nil, err
		}
		return h.promptTokens(ctx, text)
	default:
		return h.promptTokens(ctx, r.Prompt)
	}
}

// promptTokens refuses a text that is too long whatever its tokens, before it costs anything.
func (h *Host) promptTokens(ctx context.Context, text string) ([]base.Token, error) {
	if len(text) > h.maxText {
		return nil, &base.Error{Sentinel: base.ErrTooLong,
			Message: fmt.Sprintf("the prompt has %d bytes with its template; the context of %d tokens holds at most %d bytes of text", len(text), h.options.Context, h.maxText),
			Hint:    "raise the context (--context), or shorten the prompt"}
	}
	return h.Tokenize(ctx, text, true)
}

// Embed implements base.Host. Texts are computed one by one, beside generations.
func (h *Host) Embed(ctx context.Context, texts []string) (*base.Embeddings, error) {
	return h.embedding.embed(ctx, texts)
}
