package server

import (
	"context"
	"fmt"
	"net/http"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/openai"
)

// embeddings answers POST /v1/embeddings. They are computed each time: the cache keeps answers.
func embeddings(ctx context.Context, x *exchange) error {
	r, invalid := openai.DecodeEmbedding(x.body)
	if invalid != nil {
		return invalid
	}
	host := x.server.options.Model.Host()
	if host == nil {
		return &base.Error{Sentinel: base.ErrUnavailable, Message: "the model is being loaded"}
	}
	info, err := host.Info(ctx)
	if err != nil {
		return err
	}
	if r.Dimensions != 0 && r.Dimensions != info.Model.Embedding {
		return openai.Unsupported("dimensions", "vectors of this model have %d numbers", info.Model.Embedding)
	}
	found, err := host.Embed(ctx, r.Input)
	if err != nil {
		return err
	}
	x.note.prompt = found.Usage.PromptTokens
	list, err := r.Encode(x.server.options.Name, found.Vectors, found.Usage.PromptTokens)
	if err != nil {
		return fmt.Errorf("embeddings: %w", err)
	}
	return x.json(http.StatusOK, list)
}
