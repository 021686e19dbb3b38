//go:build llama

package llama

import (
	"context"
	"fmt"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/layout"
	"github.com/kvasir-cache/kvasir/internal/schedule"
)

// runner is the context of a host as the scheduler drives it.
type runner struct {
	ctx     *Context
	batch   *Batch
	outputs []int          // batch index of each step's last token
	layout  *layout.Layout // nil if state cannot be saved
}

var _ schedule.Runner = (*runner)(nil)

func newRunner(m *Model, o base.LoadOptions, maxStep int) (*runner, error) {
	ctx, err := NewContext(m, ContextOptions{
		ContextSize: o.Context, Sequences: o.Parallel, Batch: maxStep, Threads: o.Threads,
		FlashAttention: o.FlashAttention, KVType: o.KVType, Rope: o.Rope, Adapters: o.Adapters,
	})
	if err != nil {
		return nil, err
	}
	return &runner{ctx: ctx, batch: NewBatch(maxStep)}, nil
}

func (r *runner) close() {
	r.batch.Close()
	r.ctx.Close()
}

func (r *runner) Eval(ctx context.Context, steps []schedule.Step) error {
	r.batch.Reset()
	r.outputs = r.outputs[:0]
	for _, s := range steps {
		last := len(s.Tokens) - 1
		for i, t := range s.Tokens {
			r.batch.Add(t, s.Position+i, s.Slot, s.Output && i == last)
		}
		r.outputs = append(r.outputs, r.batch.Len()-1)
	}
	return r.ctx.Decode(ctx, r.batch)
}

func (r *runner) NewSampler(s *base.Sampling, prompt []base.Token) (schedule.Sampler, error) {
	sampler, err := r.ctx.NewSampler(s, prompt)
	if err != nil {
		return nil, err
	}
	return stepSampler{sampler, r}, nil
}

func (r *runner) Clear(slot int) { r.ctx.Clear(slot) }
func (r *runner) Reset()         { r.ctx.ClearAll() }

// stepSampler takes indices of steps where Sampler takes indices of tokens.
type stepSampler struct {
	*Sampler
	runner *runner
}

func (s stepSampler) Next(step int) (base.Token, error) {
	return s.Sampler.Next(s.runner.outputs[step])
}

// vocabulary is a model's vocabulary as the scheduler needs it.
type vocabulary struct{ model *Model }

func (v vocabulary) AppendPiece(dst []byte, t base.Token) []byte {
	return v.model.AppendPiece(dst, t, false)
}
func (v vocabulary) IsEnd(t base.Token) bool { return v.model.IsEnd(t) }

// checkTokens refuses tokens outside the vocabulary, on which llama.cpp fails the whole batch.
func (h *Host) checkTokens(tokens []base.Token) error {
	n := h.model.VocabularySize()
	for i, t := range tokens {
		if t < 0 || int(t) >= n {
			return &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("token %d of the prompt is %d; the vocabulary has %d tokens", i, t, n)}
		}
	}
	return nil
}
