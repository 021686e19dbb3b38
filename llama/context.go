//go:build llama

package llama

/*
#include <stdlib.h>
#include <ggml.h>
#include <ggml-cpu.h>
#include <llama.h>
#include "abort.h"
#include "guard.h"
*/
import "C"

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// ContextOptions says how a Context is opened.
type ContextOptions struct {
	ContextSize    int // tokens a sequence can hold; llama.cpp rounds it up to a multiple of 256
	Sequences      int // streams side by side, each with its own ContextSize
	Batch          int // most tokens in one Decode
	Threads        int // at most, for Decode of single tokens and for longer batches alike
	FlashAttention bool
	KVType         string // "f16", "f32", "q8_0", ...; quantised types need FlashAttention
	Embeddings     bool   // give out one pooled vector for each sequence instead of logits
	Rope           base.Rope
	Adapters       []base.AdapterInfo // LoRA adapters to apply, by Path and Scale
}

// Context holds the KV memory of a number of sequences. It belongs to one goroutine at a time, which
// should stay on one thread.
type Context struct {
	model   *Model
	ptr     *C.struct_llama_context
	threads C.ggml_threadpool_t
	pace    *pace // nil if every batch gets all threads
	abort   *C.kvasir_abort
	calls   int64 // number of the running or the last Decode
}

// KVTypes maps the names of KV cache types to ggml's.
var KVTypes = map[string]uint32{
	"f32": C.GGML_TYPE_F32, "f16": C.GGML_TYPE_F16, "bf16": C.GGML_TYPE_BF16,
	"q8_0": C.GGML_TYPE_Q8_0, "q5_1": C.GGML_TYPE_Q5_1, "q5_0": C.GGML_TYPE_Q5_0,
	"q4_1": C.GGML_TYPE_Q4_1, "q4_0": C.GGML_TYPE_Q4_0,
}

// NewContext opens a context on m and starts its threads. Streams are separate (kv_unified is off),
// so that no sequence changes the numbers of another.
//
//	struct llama_context * llama_init_from_model(struct llama_model * model, struct llama_context_params params);
//	void llama_attach_threadpool(struct llama_context * ctx, ggml_threadpool_t threadpool, ggml_threadpool_t threadpool_batch);
func NewContext(m *Model, o ContextOptions) (*Context, error) {
	kvType, ok := KVTypes[o.KVType]
	if !ok {
		return nil, &base.Error{Sentinel: base.ErrModel, Message: fmt.Sprintf("KV type %q is not known", o.KVType)}
	}
	takeLogTail()
	c := &Context{model: m, abort: (*C.kvasir_abort)(C.calloc(1, C.sizeof_kvasir_abort))}
	c.ptr = C.llama_init_from_model(m.ptr, c.params(o, kvType))
	if c.ptr == nil {
		c.Close()
		return nil, &base.Error{Sentinel: base.ErrModel, Message: "the context cannot be opened: " + orUnknown(takeLogTail())}
	}
	// Without a pool of its own a context starts threads for every batch, unless ggml uses OpenMP.
	pool := C.ggml_threadpool_params_default(C.int(o.Threads))
	c.threads = C.ggml_threadpool_new(&pool)
	if c.threads == nil {
		c.Close()
		return nil, &base.Error{Sentinel: base.ErrModel, Message: fmt.Sprintf("%d threads cannot be started", o.Threads)}
	}
	C.llama_attach_threadpool(c.ptr, c.threads, c.threads)
	if !o.FlashAttention && !o.Embeddings {
		c.pace = &pace{all: o.Threads}
	}
	if err := c.setAdapters(o.Adapters); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Context) params(o ContextOptions, kvType uint32) C.struct_llama_context_params {
	p := C.llama_context_default_params()
	p.n_ctx = C.uint32_t(o.ContextSize * o.Sequences)
	p.n_seq_max = C.uint32_t(o.Sequences)
	p.n_batch = C.uint32_t(o.Batch)
	p.n_ubatch = C.uint32_t(o.Batch)
	if !o.Embeddings {
		p.n_outputs_max = C.uint32_t(o.Sequences) // one token of each is sampled at a time
	}
	p.n_threads = C.int32_t(o.Threads)
	p.n_threads_batch = C.int32_t(o.Threads)
	p.kv_unified = false
	p.swa_full = true
	p.offload_kqv = false
	p.op_offload = false
	p.type_k = kvType
	p.type_v = kvType
	p.rope_freq_base = C.float(o.Rope.FrequencyBase)
	p.rope_freq_scale = C.float(o.Rope.FrequencyScale)
	p.flash_attn_type = C.LLAMA_FLASH_ATTN_TYPE_DISABLED
	if o.FlashAttention {
		p.flash_attn_type = C.LLAMA_FLASH_ATTN_TYPE_ENABLED
	}
	if o.Embeddings {
		p.embeddings = true
		p.pooling_type = C.LLAMA_POOLING_TYPE_MEAN
		if c.model.namesPooling() {
			p.pooling_type = C.LLAMA_POOLING_TYPE_UNSPECIFIED // the model's own
		}
	}
	C.kvasir_watch_abort(&p, c.abort)
	return p
}

// Close frees the context and stops its threads. It is safe to call twice.
func (c *Context) Close() {
	if c.ptr != nil {
		C.llama_free(c.ptr)
		c.ptr = nil
	}
	if c.threads != nil {
		C.ggml_threadpool_free(c.threads)
		c.threads = nil
	}
	if c.abort != nil {
		C.free(unsafe.Pointer(c.abort))
		c.abort = nil
	}
}

// Size is the number of tokens one sequence can hold.
//
//	uint32_t llama_n_ctx_seq(const struct llama_context * ctx);
func (c *Context) Size() int { return int(C.llama_n_ctx_seq(c.ptr)) }

// Decode runs the batch through the model and keeps the logits that the batch asks for. It returns
// ctx's error if ctx ended meanwhile; the batch's sequences then hold a part of it, and the caller
// clears them. Any other error is a failure of llama.cpp, after which the same holds.
//
//	int32_t llama_decode(struct llama_context * ctx, struct llama_batch batch);
func (c *Context) Decode(ctx context.Context, b *Batch) error {
	c.calls++
	call := c.calls
	atomic.StoreInt64((*int64)(&c.abort.running), call)
	aborted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		atomic.StoreInt64((*int64)(&c.abort.aborted), call)
		close(aborted)
	})
	code, thrown := c.decode(b)
	if !stop() {
		<-aborted // it writes to memory of this context
	}
	if code == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("llama_decode of %d tokens: %s", b.Len(), decodeFailure(code, thrown))
}

// decode runs the batch by as many threads as are best for one of its size.
func (c *Context) decode(b *Batch) (code int, thrown string) {
	trial := c.pace.of(b.Len())
	if trial != nil {
		c.setThreads(trial.threads)
		defer c.setThreads(c.pace.all)
	}
	var failure C.kvasir_error
	began := time.Now()
	code = int(C.kvasir_decode(c.ptr, b.c, &failure))
	if trial != nil && code == 0 {
		trial.done(time.Since(began))
	}
	return code, C.GoString(&failure.text[0])
}

// setThreads says how many threads decode the next batch.
//
//	void llama_set_n_threads(struct llama_context * ctx, int32_t n_threads, int32_t n_threads_batch);
func (c *Context) setThreads(n int) { C.llama_set_n_threads(c.ptr, C.int32_t(n), C.int32_t(n)) }

func decodeFailure(code int, thrown string) string {
	switch {
	case thrown != "":
		return thrown
	case code == 1:
		return "no room in the KV memory"
	case code == 2:
		return "aborted"
	case code == -1:
		return "invalid batch"
	default:
		return fmt.Sprintf("failed with code %d: %s", code, orUnknown(takeLogTail()))
	}
}

// Clear empties a sequence.
//
//	bool llama_memory_seq_rm(llama_memory_t mem, llama_seq_id seq_id, llama_pos p0, llama_pos p1);
func (c *Context) Clear(sequence int) {
	C.llama_memory_seq_rm(C.llama_get_memory(c.ptr), C.llama_seq_id(sequence), -1, -1)
}

// Truncate removes the tokens of a sequence from a position on. It reports false if the model's memory
// cannot do that.
func (c *Context) Truncate(sequence, position int) bool {
	return bool(C.llama_memory_seq_rm(C.llama_get_memory(c.ptr), C.llama_seq_id(sequence), C.llama_pos(position), -1))
}

// ClearAll empties every sequence and overwrites the memory they used, so that values a failed
// computation or a failed restore left behind cannot reach a later one.
//
//	void llama_memory_clear(llama_memory_t mem, bool data);
func (c *Context) ClearAll() { C.llama_memory_clear(C.llama_get_memory(c.ptr), true) }

// Positions returns the first and last position a sequence holds, or -1 and -1 when it is empty.
//
//	llama_pos llama_memory_seq_pos_min(llama_memory_t mem, llama_seq_id seq_id);
//	llama_pos llama_memory_seq_pos_max(llama_memory_t mem, llama_seq_id seq_id);
func (c *Context) Positions(sequence int) (first, last int) {
	mem := C.llama_get_memory(c.ptr)
	return int(C.llama_memory_seq_pos_min(mem, C.llama_seq_id(sequence))), int(C.llama_memory_seq_pos_max(mem, C.llama_seq_id(sequence)))
}

// Logits returns the logits of the i-th token of the last batch, which must have asked for them, or
// nil. The slice is llama.cpp's own and valid until the next Decode.
//
//	float * llama_get_logits_ith(struct llama_context * ctx, int32_t i);
func (c *Context) Logits(i int) []float32 {
	p := C.llama_get_logits_ith(c.ptr, C.int32_t(i))
	if p == nil {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(p)), c.model.VocabularySize())
}
