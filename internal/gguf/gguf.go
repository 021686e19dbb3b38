// Package gguf reads and writes the headers of GGUF model files, versions 2 and 3, little-endian.
// The format is described at https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
//
// Open reads everything before the tensor data of a file and closes it again:
//
//	f, err := gguf.Open("model.gguf")
//	name, ok := f.String("general.name")
//	layers, ok := f.ModelUint("block_count")
//
// The reader trusts nothing: every length is checked against the bytes that remain and against the
// limits of this package, so a hostile file costs at most a few times MaxHeader of memory. It takes
// what llama.cpp takes; nested arrays, which llama.cpp refuses, are refused here too. It does not
// read tensor data, and it does not know what a model needs beyond its header.
package gguf

import "slices"

// Limits on a header. The largest known vocabularies need a quarter of MaxHeader.
const (
	MaxHeader    = 64 << 20 // bytes before the tensor data
	MaxKey       = 1<<16 - 1
	MaxKeys      = 1 << 16
	MaxTensors   = 1 << 16
	MaxName      = 1023 // bytes in the name of a tensor
	MaxAlignment = 1 << 20
)

const (
	magic            = "GGUF"
	defaultAlignment = 32
	alignmentKey     = "general.alignment"
	maxDims          = 4
)

// KV is a key of the metadata and its value.
type KV struct {
	Key   string
	Value Value
}

// File is the header of a GGUF file. It holds no open file, must not be changed, and may be used
// from many goroutines at once.
type File struct {
	Version    uint32
	Metadata   []KV     // in file order
	Tensors    []Tensor // in file order
	Alignment  int64    // of tensor data, in bytes
	DataOffset int64    // where tensor data begins, in bytes from the start of the file
	Size       int64    // of the whole file, in bytes

	index map[string]int // key to its place in Metadata
}

// TensorBytes returns the size of all tensors together, without padding.
func (f *File) TensorBytes() int64 {
	var sum int64
	for i := range f.Tensors {
		sum += f.Tensors[i].Bytes
	}
	return sum
}

// Value returns the value of a key.
func (f *File) Value(key string) (Value, bool) {
	i, ok := f.index[key]
	if !ok {
		return Value{}, false
	}
	return f.Metadata[i].Value, true
}

// String returns the value of a key that holds text.
func (f *File) String(key string) (string, bool) { v, _ := f.Value(key); return v.AsString() }

// Uint returns the value of a key that holds a whole number of any width, not below zero.
func (f *File) Uint(key string) (uint64, bool) { v, _ := f.Value(key); return v.AsUint() }

// Int returns the value of a key that holds a whole number of any width.
func (f *File) Int(key string) (int64, bool) { v, _ := f.Value(key); return v.AsInt() }

// Float returns the value of a key that holds a number with a fraction.
func (f *File) Float(key string) (float64, bool) { v, _ := f.Value(key); return v.AsFloat() }

// Bool returns the value of a key that holds true or false.
func (f *File) Bool(key string) (value, ok bool) { v, _ := f.Value(key); return v.AsBool() }

// Strings returns a copy of the value of a key that holds an array of text.
func (f *File) Strings(key string) ([]string, bool) { v, _ := f.Value(key); return v.AsStrings() }

// Ints returns a copy of the value of a key that holds an array of whole numbers.
func (f *File) Ints(key string) ([]int64, bool) { v, _ := f.Value(key); return v.AsInts() }

// Architecture returns general.architecture, such as "llama", or the empty string.
func (f *File) Architecture() string {
	s, _ := f.String("general.architecture")
	return s
}

// ModelUint returns a whole number of the model's own keys: ModelUint("block_count") reads
// llama.block_count of a llama model.
func (f *File) ModelUint(name string) (uint64, bool) { return f.Uint(f.modelKey(name)) }

func (f *File) modelKey(name string) string { return f.Architecture() + "." + name }

// Tensor returns the tensor of that name.
func (f *File) Tensor(name string) (Tensor, bool) {
	i := slices.IndexFunc(f.Tensors, func(t Tensor) bool { return t.Name == name })
	if i < 0 {
		return Tensor{}, false
	}
	return f.Tensors[i], true
}
