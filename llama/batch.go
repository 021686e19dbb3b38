//go:build llama

package llama

/*
#include <llama.h>
*/
import "C"

import (
	"unsafe"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Batch collects tokens for one Decode. It belongs to one goroutine at a time.
type Batch struct {
	c        C.struct_llama_batch
	capacity int
}

// NewBatch makes a batch for up to capacity tokens. Close it to free its memory.
//
//	struct llama_batch llama_batch_init(int32_t n_tokens, int32_t embd, int32_t n_seq_max);
func NewBatch(capacity int) *Batch {
	return &Batch{c: C.llama_batch_init(C.int32_t(capacity), 0, 1), capacity: capacity}
}

// Close frees the batch. It is safe to call twice.
//
//	void llama_batch_free(struct llama_batch batch);
func (b *Batch) Close() {
	if b.capacity > 0 {
		C.llama_batch_free(b.c)
		*b = Batch{}
	}
}

// Len is the number of tokens in the batch.
func (b *Batch) Len() int { return int(b.c.n_tokens) }

// Reset empties the batch.
func (b *Batch) Reset() { b.c.n_tokens = 0 }

// Add appends a token at a position of a sequence and returns its index. With logits set, Decode
// keeps the logits after it. It panics when the batch is full.
func (b *Batch) Add(token base.Token, position, sequence int, logits bool) int {
	i := b.Len()
	if i == b.capacity {
		panic("llama: batch is full")
	}
	unsafe.Slice(b.c.token, b.capacity)[i] = C.llama_token(token)
	unsafe.Slice(b.c.pos, b.capacity)[i] = C.llama_pos(position)
	unsafe.Slice(b.c.n_seq_id, b.capacity)[i] = 1
	*unsafe.Slice(b.c.seq_id, b.capacity)[i] = C.llama_seq_id(sequence)
	wanted := C.int8_t(0)
	if logits {
		wanted = 1
	}
	unsafe.Slice(b.c.logits, b.capacity)[i] = wanted
	b.c.n_tokens++
	return i
}
