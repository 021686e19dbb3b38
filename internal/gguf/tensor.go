package gguf

import (
	"fmt"
	"math"
	"math/bits"
)

// TensorType is the type of a tensor's elements, with the numbers ggml gives them.
type TensorType uint32

// The tensor types this project writes or asks about by name.
const (
	F32  TensorType = 0
	F16  TensorType = 1
	Q4_0 TensorType = 2
	Q4_1 TensorType = 3
	Q5_0 TensorType = 6
	Q5_1 TensorType = 7
	Q8_0 TensorType = 8
	Q4_K TensorType = 12
	BF16 TensorType = 30
)

// layout says how a tensor type is stored: in blocks of so many elements and bytes.
type layout struct {
	name            string
	elements, bytes uint64
}

// layouts of ggml's types at llama.cpp v0.5.0. Missing numbers were removed from the format.
var layouts = map[TensorType]layout{
	0: {"F32", 1, 4}, 1: {"F16", 1, 2}, 2: {"Q4_0", 32, 18}, 3: {"Q4_1", 32, 20},
	6: {"Q5_0", 32, 22}, 7: {"Q5_1", 32, 24}, 8: {"Q8_0", 32, 34}, 9: {"Q8_1", 32, 36},
	10: {"Q2_K", 256, 84}, 11: {"Q3_K", 256, 110}, 12: {"Q4_K", 256, 144}, 13: {"Q5_K", 256, 176},
	14: {"Q6_K", 256, 210}, 15: {"Q8_K", 256, 292}, 16: {"IQ2_XXS", 256, 66}, 17: {"IQ2_XS", 256, 74},
	18: {"IQ3_XXS", 256, 98}, 19: {"IQ1_S", 256, 50}, 20: {"IQ4_NL", 32, 18}, 21: {"IQ3_S", 256, 110},
	22: {"IQ2_S", 256, 82}, 23: {"IQ4_XS", 256, 136}, 24: {"I8", 1, 1}, 25: {"I16", 1, 2},
	26: {"I32", 1, 4}, 27: {"I64", 1, 8}, 28: {"F64", 1, 8}, 29: {"IQ1_M", 256, 56}, 30: {"BF16", 1, 2},
	34: {"TQ1_0", 256, 54}, 35: {"TQ2_0", 256, 66}, 39: {"MXFP4", 32, 17}, 40: {"NVFP4", 64, 36},
	41: {"Q1_0", 128, 18}, 42: {"Q2_0", 64, 18},
}

// String returns ggml's name in capitals, such as "Q4_K".
func (t TensorType) String() string {
	if l, ok := layouts[t]; ok {
		return l.name
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// Block returns how many elements of the type are stored together and in how many bytes; ok is
// false for a type this package does not know.
func (t TensorType) Block() (elements, bytes int64, ok bool) {
	l, ok := layouts[t]
	return int64(l.elements), int64(l.bytes), ok
}

// RowBytes returns the size of a row of so many elements; ok is false for an unknown type, a
// count below zero, and a row that is not a whole number of blocks.
func (t TensorType) RowBytes(elements int64) (int64, bool) {
	if elements < 0 {
		return 0, false
	}
	n, err := t.bytes([]uint64{uint64(elements)})
	return n, err == nil
}

// Tensor describes one tensor. Dims begins with the row length.
type Tensor struct {
	Name   string
	Type   TensorType
	Dims   []uint64
	Offset int64 // in bytes from File.DataOffset
	// Bytes is the size without padding. Of a type this package does not know it is the room up
	// to the next tensor or to the end of the file.
	Bytes int64
}

// bytes returns the size of a tensor of a known type.
func (t TensorType) bytes(dims []uint64) (int64, error) {
	l, ok := layouts[t]
	if !ok {
		return 0, fmt.Errorf("its type %d is unknown", uint32(t))
	}
	count := uint64(1)
	for _, d := range dims {
		hi, lo := bits.Mul64(count, d)
		if hi != 0 || lo > math.MaxInt64 || d > math.MaxInt64 {
			return 0, fmt.Errorf("its dimensions %d are too large", dims)
		}
		count = lo
	}
	if len(dims) > 0 && dims[0]%l.elements != 0 || len(dims) == 0 && l.elements > 1 {
		return 0, fmt.Errorf("its rows of %d do not divide into %s blocks of %d", firstOr1(dims), l.name, l.elements)
	}
	hi, lo := bits.Mul64(count/l.elements, l.bytes)
	if hi != 0 || lo > math.MaxInt64-MaxAlignment {
		return 0, fmt.Errorf("its dimensions %d are too large", dims)
	}
	return int64(lo), nil
}

func firstOr1(dims []uint64) uint64 {
	if len(dims) == 0 {
		return 1
	}
	return dims[0]
}
