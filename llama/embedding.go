//go:build llama

package llama

import (
	"context"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// embedding serves Embed, one call at a time. Its context is opened by the first call, since most
// hosts never get one.
type embedding struct {
	model   *Model
	options base.LoadOptions
	turn    chan struct{} // holds a token while a call is in work

	// Of the call whose turn it is:
	embedder *embedder
	err      error // why there is no embedder
}

func newEmbedding(m *Model, o base.LoadOptions) embedding {
	return embedding{model: m, options: o, turn: make(chan struct{}, 1)}
}

func (e *embedding) close() {
	e.turn <- struct{}{}
	defer func() { <-e.turn }()
	if e.embedder != nil {
		e.embedder.close()
		e.embedder = nil
	}
	e.err = &base.Error{Sentinel: base.ErrUnavailable, Message: "the inference host is closing"}
}

func (e *embedding) embed(ctx context.Context, texts []string) (*base.Embeddings, error) {
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if e.embedder == nil && e.err == nil {
		e.embedder, e.err = newEmbedder(e.model, e.options)
	}
	if e.err != nil {
		return nil, e.err
	}
	result := &base.Embeddings{}
	for _, text := range texts {
		tokens, err := e.model.Tokenize(text, true)
		if err != nil {
			return nil, err
		}
		vector, err := e.embedder.embed(ctx, tokens)
		if err != nil {
			return nil, err
		}
		result.Vectors = append(result.Vectors, vector)
		result.Usage.PromptTokens += len(tokens)
	}
	return result, nil
}
