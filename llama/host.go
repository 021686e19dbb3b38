//go:build llama

package llama

import (
	"context"
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

	embedding embedding
	closed    sync.Once
}

var _ base.Host = (*Host)(nil)

// open loads the model and starts serving it. o has its defaults.
func open(ctx context.Context, o base.LoadOptions, progress func(done float64)) (*Host, error) {
	model, err := LoadModel(ctx, o.Model, progress)
	if err != nil {
		return nil, err
	}
	h := &Host{model: model, template: o.Template, options: o, embedding: newEmbedding(model, o)}
	if h.template == "" {
		h.template = model.Template()
	}
	if !model.CanGenerate() {
		return h, nil
	}
	limits := schedule.Options{Slots: o.Parallel, Context: o.Context, Queue: o.Queue}
	h.runner, err = newRunner(model, o, limits.MaxStep())
	if err != nil {
		model.Close()
		return nil, err
	}
	h.scheduler = schedule.New(h.runner, vocabulary{model}, limits)
	return h, nil
}

// Close ends every request, frees the model and stops its threads. It is safe to call twice.
func (h *Host) Close() error {
	h.closed.Do(func() {
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
func (h *Host) Tokenize(_ context.Context, text string, special bool) ([]base.Token, error) {
	return h.model.Tokenize(text, special)
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
		return h.model.Tokenize(text, true)
	default:
		return h.model.Tokenize(r.Prompt, true)
	}
}

// Embed implements base.Host. Texts are computed one by one, beside generations.
func (h *Host) Embed(ctx context.Context, texts []string) (*base.Embeddings, error) {
	return h.embedding.embed(ctx, texts)
}
