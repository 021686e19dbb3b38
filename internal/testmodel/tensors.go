package testmodel

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/kvasir-cache/kvasir/internal/gguf"
)

// tensors adds the weights of a model to a file.
type tensors struct {
	file  *gguf.Writer
	shape Shape
	spec  typeSpec
	layer string // prefix of the names in the layer that is being added
}

// addTensors adds all weights. Embeddings are tied: there is no output matrix.
func addTensors(file *gguf.Writer, s Shape, spec typeSpec) {
	t := &tensors{file: file, shape: s, spec: spec}
	t.matrix("token_embd.weight", s.Width, s.Vocab)
	families[s.family()].tensors(t)
}

// layers calls add for each layer. Names that it gives are those inside the layer.
func (t *tensors) layers(add func(i int)) {
	for i := range t.shape.Layers {
		t.layer = fmt.Sprintf("blk.%d.", i)
		add(i)
	}
}

func (t *tensors) matrix(name string, width, rows int) {
	name = t.layer + name
	t.file.AddTensor(name, t.spec.tensor, []uint64{uint64(width), uint64(rows)}, matrix(name, rows, width, t.spec.fill))
}

// exact adds a matrix in F32, whatever the type of the others.
func (t *tensors) exact(name string, width, rows int) {
	name = t.layer + name
	t.file.AddTensor(name, gguf.F32, []uint64{uint64(width), uint64(rows)}, matrix(name, rows, width, fillF32))
}

func (t *tensors) norm(name string, width int) {
	name = t.layer + name
	t.file.AddTensor(name, gguf.F32, []uint64{uint64(width)}, norm(name, width))
}

func (t *tensors) kvWidth() int { return t.shape.Width / t.shape.Heads * t.shape.KVHeads }

func (t *tensors) attention() {
	s := t.shape
	t.matrix("attn_q.weight", s.Width, s.Width)
	t.matrix("attn_k.weight", s.Width, t.kvWidth())
	t.matrix("attn_v.weight", s.Width, t.kvWidth())
	t.matrix("attn_output.weight", s.Width, s.Width)
}

func (t *tensors) feedForward() {
	s := t.shape
	t.norm("ffn_norm.weight", s.Width)
	t.matrix("ffn_gate.weight", s.Width, s.FFN)
	t.matrix("ffn_up.weight", s.Width, s.FFN)
	t.matrix("ffn_down.weight", s.FFN, s.Width)
}

func (t *tensors) llama() {
	t.norm("output_norm.weight", t.shape.Width)
	t.layers(func(int) {
		t.norm("attn_norm.weight", t.shape.Width)
		t.attention()
		t.feedForward()
	})
}

func (t *tensors) gemma3() {
	s := t.shape
	t.norm("output_norm.weight", s.Width)
	t.layers(func(int) {
		t.norm("attn_norm.weight", s.Width)
		t.attention()
		t.norm("attn_q_norm.weight", s.Width/s.Heads)
		t.norm("attn_k_norm.weight", s.Width/s.Heads)
		t.norm("post_attention_norm.weight", s.Width)
		t.feedForward()
		t.norm("post_ffw_norm.weight", s.Width)
	})
}

func (t *tensors) mamba() {
	s := t.shape
	inner := 2 * s.Width
	t.norm("output_norm.weight", s.Width)
	t.layers(func(int) {
		t.norm("attn_norm.weight", s.Width)
		t.matrix("ssm_in.weight", s.Width, 2*inner)
		t.exact("ssm_conv1d.weight", convWidth, inner)
		t.norm("ssm_conv1d.bias", inner)
		t.matrix("ssm_x.weight", inner, rank+2*stateWidth)
		t.exact("ssm_dt.weight", rank, inner)
		t.norm("ssm_dt.bias", inner)
		t.file.AddTensor(t.layer+"ssm_a", gguf.F32, []uint64{stateWidth, uint64(inner)}, constant(-1, stateWidth*inner))
		t.norm("ssm_d", inner)
		t.matrix("ssm_out.weight", inner, s.Width)
	})
}

// constant returns the data of n equal weights. A recurrent layer forgets at the rate -1.
func constant(x float32, n int) func(io.Writer) error {
	return func(w io.Writer) error {
		var data []byte
		for range n {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
		}
		_, err := w.Write(data)
		return err
	}
}

func (t *tensors) lfm2() {
	s := t.shape
	t.norm("token_embd_norm.weight", s.Width) // where this family keeps its output norm
	t.layers(func(i int) {
		t.norm("attn_norm.weight", s.Width)
		if i%2 == 1 {
			t.attention()
			t.norm("attn_q_norm.weight", s.Width/s.Heads)
			t.norm("attn_k_norm.weight", s.Width/s.Heads)
		} else {
			t.exact("shortconv.conv.weight", convWidth, s.Width)
			t.matrix("shortconv.in_proj.weight", s.Width, 3*s.Width)
			t.matrix("shortconv.out_proj.weight", s.Width, s.Width)
		}
		t.feedForward()
	})
}
