package gguf

import (
	"math"
	"testing"
)

// llama makes a header of a llama-like model from keys without their architecture.
func llama(t *testing.T, keys ...KV) *File {
	t.Helper()
	var w Writer
	w.Add("general.architecture", String("llama"))
	for _, kv := range keys {
		w.Add("llama."+kv.Key, kv.Value)
	}
	return read(t, encode(t, &w))
}

// smol is the shape of SmolLM2-135M.
func smol(more ...KV) []KV {
	return append([]KV{{"block_count", Uint32(30)}, {"embedding_length", Uint32(576)},
		{"attention.head_count", Uint32(9)}, {"attention.head_count_kv", Uint32(3)}}, more...)
}

func TestKVBytesPerToken_KnownModels(t *testing.T) {
	llama8B := []KV{{"block_count", Uint32(32)}, {"embedding_length", Uint32(4096)},
		{"attention.head_count", Uint32(32)}, {"attention.head_count_kv", Uint32(8)}}
	for _, tt := range []struct {
		name string
		keys []KV
		k, v string
		want int64
	}{
		{"SmolLM2-135M F16", smol(), "f16", "f16", 23040},
		{"SmolLM2-135M Q8_0", smol(), "q8_0", "Q8_0", 12240},
		{"SmolLM2-135M F32", smol(), "f32", "f32", 46080},
		{"SmolLM2-135M Q4_0", smol(), "q4_0", "q4_0", 6480},
		{"SmolLM2-135M Q4_1", smol(), "q4_1", "q4_1", 7200},
		{"SmolLM2-135M Q5_0", smol(), "q5_0", "q5_0", 7920},
		{"SmolLM2-135M Q5_1", smol(), "q5_1", "q5_1", 8640},
		{"mixed", smol(), "f16", "q8_0", 11520 + 6120},
		{"Llama-3.1-8B", llama8B, "bf16", "f16", 128 << 10},
		{"own lengths", smol(KV{"attention.key_length", Uint32(128)}, KV{"attention.value_length", Uint32(64)}), "f16", "f16", 30 * 3 * 192 * 2},
		{"per layer", []KV{{"block_count", Uint32(3)}, {"embedding_length", Uint32(128)}, {"attention.head_count", Uint32(2)},
			{"attention.head_count_kv", Int32s([]int32{2, 0, 1})}}, "f16", "f16", 3 * 64 * 2 * 2},
		{"no grouping", []KV{{"block_count", Uint32(2)}, {"embedding_length", Uint32(128)}, {"attention.head_count", Uint32(2)}}, "f16", "f16", 2 * 2 * 64 * 2 * 2},
	} {
		if got, ok := KVBytesPerToken(llama(t, tt.keys...), tt.k, tt.v); !ok || got != tt.want {
			t.Errorf("%s: got %d (%t), want %d", tt.name, got, ok, tt.want)
		}
	}
}

func TestKVBytesPerToken_SaysWhenItCannotTell(t *testing.T) {
	for _, tt := range []struct {
		name string
		keys []KV
		kind string
	}{
		{"nothing known", nil, "f16"},
		{"unknown type", smol(), "q6_k"},
		{"no type", smol(), ""},
		{"heads of 20 in blocks of 32", []KV{{"block_count", Uint32(1)}, {"embedding_length", Uint32(20)}, {"attention.head_count", Uint32(1)}}, "q8_0"},
		{"recurrent layers", smol(KV{"ssm.conv_kernel", Uint32(4)}), "f16"},
		{"compressed attention", smol(KV{"attention.kv_lora_rank", Uint32(512)}), "f16"},
		{"layers that share", smol(KV{"attention.shared_kv_layers", Uint32(10)}), "f16"},
		{"an encoder", smol(KV{"attention.causal", Bool(false)}), "f16"},
		{"array of another length", []KV{{"block_count", Uint32(3)}, {"embedding_length", Uint32(128)}, {"attention.head_count", Uint32(2)},
			{"attention.head_count_kv", Int32s([]int32{2, 1})}}, "f16"},
		{"heads below zero", []KV{{"block_count", Uint32(1)}, {"embedding_length", Uint32(128)}, {"attention.head_count", Uint32(2)},
			{"attention.head_count_kv", Int32s([]int32{-2})}}, "f16"},
		{"no heads", []KV{{"block_count", Uint32(1)}, {"embedding_length", Uint32(128)}, {"attention.head_count", Uint32(0)}}, "f16"},
		{"absurd counts", []KV{{"block_count", Uint32(math.MaxUint32)}, {"embedding_length", Uint64(math.MaxUint64)},
			{"attention.head_count", Uint64(math.MaxUint64)}}, "f16"},
		{"absurd heads", []KV{{"block_count", Uint32(1)}, {"attention.key_length", Uint64(math.MaxUint64)}, {"attention.value_length", Uint64(math.MaxUint64)},
			{"attention.head_count", Uint64(math.MaxUint64)}}, "f16"},
	} {
		if got, ok := KVBytesPerToken(llama(t, tt.keys...), tt.kind, tt.kind); ok {
			t.Errorf("%s: got %d, want no answer", tt.name, got)
		}
	}
}
