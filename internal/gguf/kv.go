package gguf

import "strings"

// Bounds that keep the arithmetic of KVBytesPerToken far from overflow; real models stay well below.
const (
	maxLayers = 1 << 12
	maxWidth  = 1 << 20 // heads, and elements of a head
)

// unevenKeys name, without the architecture, what marks a model whose layers do not each keep keys
// and values for every token in the usual way: recurrent and hybrid models, compressed attention,
// layers that share, layers of another shape, speculative layers, and decoders beside an encoder.
var unevenKeys = []string{
	"ssm.", "wkv.", "kda.", "shortconv.", "full_attention_interval", "nextn_predict_layers",
	"attention.kv_lora_rank", "attention.key_length_mla", "attention.value_length_mla",
	"attention.key_length_swa", "attention.value_length_swa", "attention.kv_lora_rank_swa",
	"attention.indexer.", "attention.shared_kv_layers", "decoder_block_count",
}

// kvTypes are the tensor types in which llama.cpp can keep keys and values, by name.
var kvTypes = map[string]TensorType{
	"f32": F32, "f16": F16, "bf16": BF16, "q8_0": Q8_0,
	"q5_1": Q5_1, "q5_0": Q5_0, "q4_1": Q4_1, "q4_0": Q4_0,
}

// KVBytesPerToken returns the bytes of keys and values that llama.cpp keeps for one token of
// context, with K and V stored as the named types (f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0, in
// any case). ok is false when the metadata does not say: keys are missing, the model is of a kind
// that keeps something else, or a head does not divide into blocks of the type. Sliding-window
// layers count like full ones, so for them the answer is an upper bound.
func KVBytesPerToken(f *File, kvTypeK, kvTypeV string) (int64, bool) {
	heads, ok := kvHeads(f)
	if !ok || uneven(f) {
		return 0, false
	}
	k, okK := headBytes(f, "attention.key_length", kvTypeK)
	v, okV := headBytes(f, "attention.value_length", kvTypeV)
	if !okK || !okV {
		return 0, false
	}
	var sum int64
	for _, h := range heads {
		sum += h * (k + v)
	}
	return sum, true
}

// uneven says whether a model has one of unevenKeys, or is an encoder, which keeps nothing.
func uneven(f *File) bool {
	if causal, ok := f.Bool(f.modelKey("attention.causal")); ok && !causal {
		return true
	}
	for _, name := range unevenKeys {
		prefix := f.modelKey(name)
		for i := range f.Metadata {
			key := f.Metadata[i].Key
			if key == prefix || strings.HasSuffix(prefix, ".") && strings.HasPrefix(key, prefix) {
				return true
			}
		}
	}
	return false
}

// kvHeads returns the number of KV heads of every layer.
func kvHeads(f *File) ([]int64, bool) {
	layers, ok := f.ModelUint("block_count")
	if !ok || layers == 0 || layers > maxLayers {
		return nil, false
	}
	name := "attention.head_count_kv"
	if _, ok := f.Value(f.modelKey(name)); !ok {
		name = "attention.head_count" // as many as there are query heads
	}
	return perLayer(f, name, layers)
}

// perLayer reads a count that is one number for all layers or an array with one for each.
func perLayer(f *File, name string, layers uint64) ([]int64, bool) {
	v, _ := f.Value(f.modelKey(name))
	list := make([]int64, layers)
	if n, ok := v.AsUint(); ok {
		for i := range list {
			list[i] = int64(min(n, maxWidth+1))
		}
	} else if v.Len() != layers {
		return nil, false
	} else if list, ok = v.AsInts(); !ok {
		return nil, false
	}
	for _, n := range list {
		if n < 0 || n > maxWidth {
			return nil, false
		}
	}
	return list, true
}

// headBytes returns the bytes of one head's key or value. Its length is a key of its own, or the
// width of the model shared out among the heads of its first layer.
func headBytes(f *File, name, kvType string) (int64, bool) {
	length, ok := f.ModelUint(name)
	if !ok {
		length, ok = defaultHead(f)
	}
	if !ok || length == 0 || length > maxWidth {
		return 0, false
	}
	t, ok := kvTypes[strings.ToLower(kvType)]
	if !ok {
		return 0, false
	}
	return t.RowBytes(int64(length))
}

func defaultHead(f *File) (uint64, bool) {
	layers, _ := f.ModelUint("block_count")
	heads, ok := perLayer(f, "attention.head_count", layers)
	width, okWidth := f.ModelUint("embedding_length")
	if !ok || !okWidth || len(heads) == 0 || heads[0] == 0 {
		return 0, false
	}
	return width / uint64(heads[0]), true
}
