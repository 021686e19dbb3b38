package testmodel

import (
	"fmt"
	"sync"

	"github.com/kvasir-cache/kvasir/internal/atlas"
	"github.com/kvasir-cache/kvasir/internal/gguf"
)

// Token types, as llama.cpp numbers them.
const tokenUnused = 5

// atlasHeader is the header of the model whose tokenizer is reused.
var atlasHeader = sync.OnceValues(func() (*gguf.File, error) {
	r := atlas.Reader()
	return gguf.Read(r, r.Size())
})

// copied are the tokenizer keys that are taken as they are.
var copied = []string{
	"tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.ggml.merges", "tokenizer.ggml.bos_token_id",
	"tokenizer.ggml.eos_token_id", "tokenizer.ggml.padding_token_id", "tokenizer.ggml.add_bos_token",
	"tokenizer.chat_template",
}

// addMetadata adds what llama.cpp needs to know of a model of that shape.
func addMetadata(w *gguf.Writer, s Shape, t Type, fileType uint32) error {
	family := string(s.family())
	w.Add("general.architecture", gguf.String(family))
	w.Add("general.name", gguf.String("kvasir-test-"+s.Name+"-"+string(t)))
	w.Add("general.file_type", gguf.Uint32(fileType))
	for _, kv := range []gguf.KV{
		key("context_length", s.Context),
		key("embedding_length", s.Width),
		key("block_count", s.Layers),
		key("feed_forward_length", s.FFN),
		key("attention.head_count", s.Heads),
		{Key: "attention.head_count_kv", Value: s.kvHeads()},
		key("rope.dimension_count", s.Width/s.Heads),
		key("vocab_size", s.Vocab),
	} {
		w.Add(family+"."+kv.Key, kv.Value)
	}
	w.Add(family+".attention.layer_norm_rms_epsilon", gguf.Float32(1e-5))
	w.Add(family+".rope.freq_base", gguf.Float32(s.RopeBase))
	for _, kv := range families[s.family()].keys(s) {
		w.Add(family+"."+kv.Key, kv.Value)
	}
	return addTokenizer(w, s.Vocab)
}

// addTokenizer adds atlas's tokenizer, filled up to vocab tokens with unused ones.
func addTokenizer(w *gguf.Writer, vocab int) error {
	from, err := atlasHeader()
	if err != nil {
		return err
	}
	tokens, _ := from.Strings("tokenizer.ggml.tokens")
	types, _ := from.Ints("tokenizer.ggml.token_type")
	if len(tokens) == 0 || len(tokens) != len(types) || vocab < len(tokens) {
		return fmt.Errorf("a vocabulary of %d does not hold the tokenizer's %d tokens", vocab, len(tokens))
	}
	kinds := make([]int32, 0, vocab)
	for _, t := range types {
		kinds = append(kinds, int32(t))
	}
	for n := 0; len(tokens) < vocab; n++ {
		tokens, kinds = append(tokens, fmt.Sprintf("<|unused_%d|>", n)), append(kinds, tokenUnused)
	}
	w.Add("tokenizer.ggml.tokens", gguf.Strings(tokens))
	w.Add("tokenizer.ggml.token_type", gguf.Int32s(kinds))
	for _, key := range copied {
		v, ok := from.Value(key)
		if !ok {
			return fmt.Errorf("model %s has no key %q", atlas.Name, key)
		}
		w.Add(key, v)
	}
	return nil
}
