package testmodel

import "github.com/kvasir-cache/kvasir/internal/gguf"

// Family is the architecture of a model, as llama.cpp names it.
type Family string

// The families that can be made, and how each keeps its state.
const (
	Llama   Family = "llama"   // attention to everything before
	Gemma3  Family = "gemma3"  // the same in some layers, to a sliding window in others
	Mamba   Family = "mamba"   // a recurrent state and no attention
	LFM2    Family = "lfm2"    // layers of both kinds
	Qwen2VL Family = "qwen2vl" // attention, with positions of three dimensions (M-RoPE)
)

// family describes what the models of one family have beyond what all have.
type family struct {
	keys    func(Shape) []gguf.KV
	tensors func(*tensors)
}

var families = map[Family]family{
	Llama:   {noKeys, (*tensors).llama},
	Gemma3:  {gemma3Keys, (*tensors).gemma3},
	Mamba:   {mambaKeys, (*tensors).mamba},
	LFM2:    {lfm2Keys, (*tensors).lfm2},
	Qwen2VL: {qwen2vlKeys, (*tensors).llama},
}

func (s Shape) family() Family {
	if s.Family == "" {
		return Llama
	}
	return s.Family
}

func key(name string, n int) gguf.KV { return gguf.KV{Key: name, Value: gguf.Uint32(uint32(n))} }

func noKeys(Shape) []gguf.KV { return nil }

// kvHeads says by layers without KV heads which ones are recurrent: all but the odd ones of LFM2.
func (s Shape) kvHeads() gguf.Value {
	if s.family() != LFM2 {
		return gguf.Uint32(uint32(s.KVHeads))
	}
	heads := make([]int32, s.Layers)
	for i := range heads {
		if i%2 == 1 {
			heads[i] = int32(s.KVHeads)
		}
	}
	return gguf.Int32s(heads)
}

func gemma3Keys(s Shape) []gguf.KV {
	const pattern = 2 // of so many layers the last attends to everything
	return []gguf.KV{key("attention.sliding_window", s.Window), key("attention.sliding_window_pattern", pattern)}
}

// The inner sizes of the recurrent layers.
const (
	convWidth  = 4
	stateWidth = 16
	rank       = 4
)

func mambaKeys(s Shape) []gguf.KV {
	return []gguf.KV{key("ssm.conv_kernel", convWidth), key("ssm.inner_size", 2*s.Width),
		key("ssm.state_size", stateWidth), key("ssm.time_step_rank", rank)}
}

func lfm2Keys(Shape) []gguf.KV { return []gguf.KV{key("shortconv.l_cache", convWidth)} }

func qwen2vlKeys(s Shape) []gguf.KV {
	half := int32(s.Width / s.Heads / 2)
	sections := []int32{half - 2*(half/3), half / 3, half / 3, 0}
	return []gguf.KV{{Key: "rope.dimension_sections", Value: gguf.Int32s(sections)}}
}
