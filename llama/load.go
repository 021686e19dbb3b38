//go:build llama

package llama

import (
	"context"
	"fmt"
	"os"
	"runtime"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/gguf"
	"github.com/kvasir-cache/kvasir/internal/schedule"
)

// Defaults of base.LoadOptions.
const (
	defaultContext  = 4096
	defaultParallel = 2
	defaultKVType   = "f16"
)

// Load opens a model and returns a host that serves it. It checks the processor, the file and the
// memory before it touches llama.cpp, and reports progress in stages. The host is also an
// io.Closer.
func Load(ctx context.Context, o base.LoadOptions, progress func(stage string, done float64)) (base.Host, error) {
	if err := checkCPU(CPUBuilt, cpuHas); err != nil {
		return nil, err
	}
	parts, err := gguf.Parts(o.Model)
	if err != nil {
		return nil, err
	}
	need, err := inspect(parts, &o)
	if err != nil {
		return nil, err
	}
	if !o.IgnoreMemory {
		if err := need.check(o, availableMemory()); err != nil {
			return nil, err
		}
	}
	h, err := open(ctx, o, func(done float64) { progress("loading", done/2) })
	if err != nil {
		return nil, err
	}
	h.info, err = h.describe(ctx, o, parts, func(done float64) { progress("hashing", 0.5+done/2) })
	if err != nil {
		h.Close()
		return nil, err
	}
	h.info.Runtime.KVBytes = need.kv
	fmt.Fprintf(os.Stderr, "model %q: weights %s, KV %s (%d × %d tokens, %s), %d threads\n",
		o.Model, memorySize(need.weights), memorySize(need.kv), o.Parallel, o.Context, o.KVType, o.Threads)
	return h, nil
}

// inspect reads the model's header, fills the defaults of o that hang on it, and estimates what the
// model will need.
func inspect(parts []string, o *base.LoadOptions) (footprint, error) {
	file, err := gguf.Open(parts[0])
	if err != nil {
		return footprint{}, err
	}
	train, _ := file.ModelUint("context_length")
	fillDefaults(o, int(train))
	if err := validate(o); err != nil {
		return footprint{}, err
	}
	if o.Template != "" {
		if _, err := ApplyTemplate(o.Template, []base.Message{{Role: base.RoleUser, Content: "x"}}); err != nil {
			return footprint{}, err
		}
	}
	var need footprint
	for _, part := range parts {
		info, err := os.Stat(part)
		if err != nil {
			return footprint{}, &base.Error{Sentinel: base.ErrModel, Message: err.Error()}
		}
		need.weights += info.Size()
	}
	perToken, _ := gguf.KVBytesPerToken(file, o.KVType, o.KVType)
	const rounding = 256 // llama.cpp rounds each stream's size up to this
	need.kv = perToken * int64((o.Context+rounding-1)/rounding*rounding) * int64(o.Parallel)
	need.working = workingMemory(file, *o)
	return need, nil
}

// workingMemory estimates llama.cpp's compute buffer: for every token of a batch activations, and in
// attention 4 bytes for each position of the stream and head and once more for the mask; flash
// attention keeps only a mask of 2 bytes. Logits are kept for one token of each stream.
func workingMemory(file *gguf.File, o base.LoadOptions) int64 {
	width, _ := file.ModelUint("embedding_length")
	heads, _ := file.ModelUint("attention.head_count")
	ffn, _ := file.ModelUint("feed_forward_length")
	perPosition := 4 * (int64(heads) + 1)
	if o.FlashAttention {
		perPosition = 2
	}
	batch := int64(schedule.Options{}.MaxStep())
	return 8<<20 + batch*(8*int64(width)+max(8*int64(ffn), perPosition*int64(o.Context)))
}

func fillDefaults(o *base.LoadOptions, train int) {
	if o.Context == 0 {
		o.Context = defaultContext
		if train > 0 {
			o.Context = min(o.Context, train)
		}
	}
	if o.Parallel == 0 {
		o.Parallel = defaultParallel
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0) // knows affinity and CPU quotas
	}
	if o.KVType == "" {
		o.KVType = defaultKVType
	}
}

const (
	maxContext  = 1 << 24
	maxParallel = 256 // llama.cpp's LLAMA_MAX_SEQ
	maxThreads  = 512 // ggml's GGML_MAX_N_THREADS
)

func validate(o *base.LoadOptions) error {
	bad := func(format string, args ...any) error {
		return &base.Error{Sentinel: base.ErrModel, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case o.Context < 2 || o.Context > maxContext:
		return bad("context is %d; it must be between 2 and %d tokens", o.Context, maxContext)
	case o.Parallel < 1 || o.Parallel > maxParallel:
		return bad("parallel is %d; it must be between 1 and %d", o.Parallel, maxParallel)
	case o.Threads < 1 || o.Threads > maxThreads:
		return bad("threads is %d; it must be between 1 and %d", o.Threads, maxThreads)
	case !(o.Rope.FrequencyBase >= 0 && o.Rope.FrequencyScale >= 0): // also when not a number
		return bad("RoPE base %v and scale %v must not be negative", o.Rope.FrequencyBase, o.Rope.FrequencyScale)
	case o.Queue < 0:
		return bad("queue is %d; it must not be negative", o.Queue)
	}
	if _, ok := KVTypes[o.KVType]; !ok {
		return bad("KV type %q is not known; use f16, f32, bf16, q8_0, q5_1, q5_0, q4_1 or q4_0", o.KVType)
	}
	if isQuantised(o.KVType) && !o.FlashAttention {
		return &base.Error{Sentinel: base.ErrModel, Message: fmt.Sprintf("KV type %q needs flash attention", o.KVType), Hint: "add --flash-attention"}
	}
	return nil
}

func isQuantised(kvType string) bool { return kvType[0] == 'q' }
