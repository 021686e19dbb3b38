//go:build llama

package llama

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/gguf"
)

// Environment switches of llama.cpp v0.5.0 that change computed values, its other switches print or
// trace, and those of OpenMP that change the number of threads.
var valueSwitches = []string{"GGML_CPU_DISABLE_FUSION", "GGML_NO_IQ_PANEL", "LLAMA_ATTN_ROT_DISABLE", "OMP_DYNAMIC", "OMP_THREAD_LIMIT"}

// describe collects every part of the host's identity. It reads the model's files to hash them.
func (h *Host) describe(ctx context.Context, o base.LoadOptions, parts []string, progress func(done float64)) (*base.Info, error) {
	sum, bytes, err := gguf.Hash(ctx, parts, share(progress))
	if err != nil {
		return nil, err
	}
	adapters, err := describeAdapters(ctx, o.Adapters)
	if err != nil {
		return nil, err
	}
	name, _ := h.model.Metadata("general.name")
	arch, _ := h.model.Metadata("general.architecture")
	return &base.Info{
		Model: base.ModelInfo{
			Path: o.Model, SHA256: sum, Bytes: bytes, Name: name, Description: h.model.Description(), Architecture: arch,
			Parameters: h.model.Parameters(), ContextTrain: h.model.ContextTrain(), Embedding: h.model.EmbeddingSize(),
			Vocabulary: h.model.VocabularySize(), Tokenizer: h.model.TokenizerHash(),
		},
		Template: h.template, Adapters: adapters, Rope: o.Rope,
		Runtime: base.RuntimeInfo{
			Backend: "llama.cpp", Version: Version(), SourceTree: SourceTree, BuildFlags: BuildFlags,
			CPUFeatures: builtFeatures(), Environment: environment(),
			KVTypeK: o.KVType, KVTypeV: o.KVType, FlashAttention: o.FlashAttention,
			Threads: o.Threads, BatchThreads: o.Threads, Context: o.Context, Parallel: o.Parallel,
		},
		State: h.state,
	}, nil
}

func share(progress func(done float64)) func(done, total int64) {
	return func(done, total int64) {
		if total > 0 {
			progress(float64(done) / float64(total))
		}
	}
}

func describeAdapters(ctx context.Context, adapters []base.AdapterInfo) ([]base.AdapterInfo, error) {
	var described []base.AdapterInfo
	for _, a := range adapters {
		sum, _, err := gguf.Hash(ctx, []string{a.Path}, func(int64, int64) {})
		if err != nil {
			return nil, err
		}
		described = append(described, base.AdapterInfo{Path: a.Path, SHA256: sum, Scale: adapterScale(a)})
	}
	return described, nil
}

// builtFeatures lists the CPU features the kernels use. They were fixed when the kernels were
// compiled: ggml does not choose at run time in this build.
func builtFeatures() []string {
	features := strings.FieldsFunc(CPUBuilt, func(r rune) bool { return r == ',' })
	slices.Sort(features)
	return features
}

// environment lists the value-changing switches that are set.
func environment() []string {
	var set []string
	for _, name := range valueSwitches {
		if value, ok := os.LookupEnv(name); ok {
			set = append(set, name+"="+value)
		}
	}
	return set
}
