// Package testmodel makes GGUF models with random weights, for tests and measurements that need the
// size, the speed, the numerics or the kind of a model but not its answers. Most are of the Llama
// architecture; one each keeps its state in another way. They have the tokenizer and the chat template
// of atlas, so any text can be a prompt.
//
//	path, err := testmodel.Cached(testmodel.Tiny, testmodel.F16)
//
// The same shape and type give the same bytes on every machine. Nothing here is committed or
// shipped: files are made on demand, in the user's cache folder or where Write is told to.
package testmodel

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kvasir-cache/kvasir/internal/gguf"
)

// version is part of the name of a cached file. Raise it with any change to the bytes of a model.
const version = 1

// Type is the type of the weights. Norms are always F32.
type Type string

// The types that can be made.
const (
	F32  Type = "f32"
	F16  Type = "f16"
	Q8_0 Type = "q8_0"
	Q4_K Type = "q4_k"
)

// Types lists the types that can be made.
func Types() []Type { return []Type{F32, F16, Q8_0, Q4_K} }

// ParseType finds a type by its name in any case.
func ParseType(name string) (Type, error) {
	t := Type(strings.ToLower(name))
	if _, err := t.spec(); err != nil {
		return "", err
	}
	return t, nil
}

// typeSpec says how a type is stored.
type typeSpec struct {
	tensor   gguf.TensorType
	fileType uint32 // general.file_type, as llama.cpp numbers it
	fill     filler
}

func (t Type) spec() (typeSpec, error) {
	switch t {
	case F32:
		return typeSpec{gguf.F32, 0, fillF32}, nil
	case F16:
		return typeSpec{gguf.F16, 1, fillF16}, nil
	case Q8_0:
		return typeSpec{gguf.Q8_0, 7, fillQ8}, nil
	case Q4_K:
		return typeSpec{gguf.Q4_K, 14, fillQ4K}, nil
	}
	return typeSpec{}, fmt.Errorf("weight type %q is unknown; known are %q", string(t), Types())
}

// Shape is the shape of a model. Widths and counts are numbers of elements.
type Shape struct {
	Name     string
	Family   Family // empty means Llama
	Layers   int
	Width    int // of the residual stream
	Heads    int // of queries; Width/Heads is the length of a head
	KVHeads  int
	FFN      int // width inside the feed-forward part
	Vocab    int // tokens; past atlas's own 1,024 they are unused ones
	Context  int // tokens the model says it was trained for
	RopeBase float32
	Window   int // tokens that Gemma3's sliding layers look back
}

// The shapes that are made. Embeddings are tied: there is no output matrix.
var (
	// SmolLM2_135M costs what the real SmolLM2-135M costs: about 145 MB as Q8_0.
	SmolLM2_135M = Shape{Name: "smollm2-135m", Layers: 30, Width: 576, Heads: 9, KVHeads: 3, FFN: 1536,
		Vocab: 49152, Context: 8192, RopeBase: 100000}
	// Wide512 has rows of whole 256-element blocks, as Q4_K needs them.
	Wide512 = Shape{Name: "wide-512", Layers: 8, Width: 512, Heads: 8, KVHeads: 4, FFN: 1536,
		Vocab: 1024, Context: 8192, RopeBase: 10000}
	// Tiny is for fast tests. Its heads of 32 suit quantised KV.
	Tiny = Shape{Name: "tiny", Layers: 2, Width: 64, Heads: 2, KVHeads: 1, FFN: 128,
		Vocab: 1024, Context: 2048, RopeBase: 10000}
	// TinyWindow has layers with a sliding window, every other one.
	TinyWindow = Shape{Name: "tiny-window", Family: Gemma3, Layers: 4, Width: 64, Heads: 2, KVHeads: 1, FFN: 128,
		Vocab: 1024, Context: 2048, RopeBase: 10000, Window: 128}
	// TinyRecurrent has no attention.
	TinyRecurrent = Shape{Name: "tiny-recurrent", Family: Mamba, Layers: 2, Width: 64, Heads: 2, KVHeads: 1, FFN: 128,
		Vocab: 1024, Context: 2048, RopeBase: 10000}
	// TinyHybrid has one recurrent layer and one of attention.
	TinyHybrid = Shape{Name: "tiny-hybrid", Family: LFM2, Layers: 2, Width: 64, Heads: 2, KVHeads: 1, FFN: 128,
		Vocab: 1024, Context: 2048, RopeBase: 10000}
	// TinyVision reads positions in three dimensions, as models for pictures do.
	TinyVision = Shape{Name: "tiny-vision", Family: Qwen2VL, Layers: 2, Width: 64, Heads: 2, KVHeads: 1, FFN: 128,
		Vocab: 1024, Context: 2048, RopeBase: 10000}
)

// Shapes lists the shapes that are made.
func Shapes() []Shape {
	return []Shape{SmolLM2_135M, Wide512, Tiny, TinyWindow, TinyRecurrent, TinyHybrid, TinyVision}
}

// ParseShape finds one of Shapes by its name in any case.
func ParseShape(name string) (Shape, error) {
	i := slices.IndexFunc(Shapes(), func(s Shape) bool { return strings.EqualFold(s.Name, name) })
	if i < 0 {
		var names []string
		for _, s := range Shapes() {
			names = append(names, s.Name)
		}
		return Shape{}, fmt.Errorf("shape %q is unknown; known are %q", name, names)
	}
	return Shapes()[i], nil
}

// check refuses a shape that makes no model, and one whose rows do not divide into the type's blocks.
func (s Shape) check(t Type) error {
	for _, n := range []int{s.Layers, s.Width, s.Heads, s.KVHeads, s.FFN, s.Context} {
		if n < 1 {
			return fmt.Errorf("shape %+v has a number below one", s)
		}
	}
	if s.Width%(2*s.Heads) != 0 || s.Heads%s.KVHeads != 0 {
		return fmt.Errorf("shape %q: a width of %d does not divide into %d heads of even length, or those into %d KV heads",
			s.Name, s.Width, s.Heads, s.KVHeads)
	}
	if _, ok := families[s.family()]; !ok {
		return fmt.Errorf("shape %q: family %q is unknown", s.Name, s.Family)
	}
	spec, err := t.spec()
	if err != nil {
		return err
	}
	block, _, _ := spec.tensor.Block()
	for _, row := range []int{s.Width, s.FFN} {
		if int64(row)%block != 0 {
			return fmt.Errorf("shape %q: its rows of %d do not divide into %s blocks of %d", s.Name, row, t, block)
		}
	}
	return nil
}
