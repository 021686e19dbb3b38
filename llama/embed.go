//go:build llama

package llama

/*
#include <llama.h>
*/
import "C"

import (
	"context"
	"fmt"
	"math"
	"unsafe"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// maxEmbedTokens bounds one text to embed: pooling needs all of it in one batch, whose working
// memory grows with its length.
const maxEmbedTokens = 2048

// embedder turns texts into vectors, in a context of its own. It belongs to one goroutine.
type embedder struct {
	ctx   *Context
	batch *Batch
}

// newEmbedder opens a context for embeddings. A model that names no pooling of its own gives the
// mean over its tokens. Rerankers and models that only label are refused.
func newEmbedder(m *Model, o base.LoadOptions) (*embedder, error) {
	size := min(o.Context, maxEmbedTokens)
	need := embedMemory(m, size)
	if available := availableMemory(); !o.IgnoreMemory && need > available {
		return nil, &base.Error{Sentinel: base.ErrOverloaded, Message: fmt.Sprintf("embeddings need %s of memory; %s are free", memorySize(need), memorySize(available))}
	}
	ctx, err := NewContext(m, ContextOptions{
		ContextSize: size, Sequences: 1, Batch: size, Threads: o.Threads, KVType: defaultKVType,
		Rope: o.Rope, Adapters: o.Adapters, Embeddings: true,
	})
	if err != nil {
		return nil, &base.Error{Sentinel: base.ErrUnsupported, Message: "this model gives no embeddings: " + err.Error()}
	}
	if C.llama_pooling_type(ctx.ptr) == C.LLAMA_POOLING_TYPE_RANK {
		ctx.Close()
		return nil, &base.Error{Sentinel: base.ErrUnsupported, Message: "this model ranks texts and gives no embeddings"}
	}
	return &embedder{ctx: ctx, batch: NewBatch(size)}, nil
}

// embedMemory estimates the KV memory and compute buffer of an embedder, as workingMemory does.
func embedMemory(m *Model, tokens int) int64 {
	perToken := 8*int64(m.EmbeddingSize()) + max(4*int64(m.VocabularySize()), 4*int64(m.heads()+1)*int64(tokens))
	return int64(tokens) * (perToken + 4*int64(m.layers())*int64(m.EmbeddingSize()))
}

func (e *embedder) close() {
	e.batch.Close()
	e.ctx.Close()
}

// embed returns the L2-normalised vector of a text.
//
//	float * llama_get_embeddings_seq(struct llama_context * ctx, llama_seq_id seq_id);
func (e *embedder) embed(ctx context.Context, tokens []base.Token) ([]float32, error) {
	if len(tokens) == 0 || len(tokens) > e.batch.capacity {
		return nil, &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("the text has %d tokens; a text to embed has 1 to %d", len(tokens), e.batch.capacity)}
	}
	e.ctx.Clear(0)
	e.batch.Reset()
	for i, t := range tokens {
		e.batch.Add(t, i, 0, true)
	}
	if err := e.ctx.Decode(ctx, e.batch); err != nil {
		return nil, err
	}
	p := C.llama_get_embeddings_seq(e.ctx.ptr, 0)
	if p == nil {
		return nil, &base.Error{Sentinel: base.ErrUnsupported, Message: "this model gives no pooled embeddings"}
	}
	return normalised(unsafe.Slice((*float32)(unsafe.Pointer(p)), e.ctx.model.EmbeddingSize()))
}

// normalised returns v at length 1.
func normalised(v []float32) ([]float32, error) {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return nil, fmt.Errorf("embedding: the model computed values that are not numbers")
	}
	scale := 0.0
	if sum > 0 {
		scale = 1 / math.Sqrt(sum)
	}
	unit := make([]float32, len(v))
	for i, x := range v {
		unit[i] = float32(float64(x) * scale)
	}
	return unit, nil
}
