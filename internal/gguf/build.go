package gguf

import (
	"encoding/binary"
	"math"
)

// Uint32 makes a value of type uint32, the usual type of counts and token ids.
func Uint32(n uint32) Value { return fixed(TypeUint32, uint64(n), 4) }

// Uint16 makes a value of type uint16.
func Uint16(n uint16) Value { return fixed(TypeUint16, uint64(n), 2) }

// Int32 makes a value of type int32.
func Int32(n int32) Value { return fixed(TypeInt32, uint64(uint32(n)), 4) }

// Uint64 makes a value of type uint64.
func Uint64(n uint64) Value { return fixed(TypeUint64, n, 8) }

// Float32 makes a value of type float32.
func Float32(x float32) Value { return fixed(TypeFloat32, uint64(math.Float32bits(x)), 4) }

// Float64 makes a value of type float64.
func Float64(x float64) Value { return fixed(TypeFloat64, math.Float64bits(x), 8) }

// Bool makes a value of type bool.
func Bool(b bool) Value {
	if b {
		return fixed(TypeBool, 1, 1)
	}
	return fixed(TypeBool, 0, 1)
}

// String makes a value of type string.
func String(s string) Value { return Value{typ: TypeString, raw: []byte(s)} }

// Strings makes an array of strings.
func Strings(list []string) Value {
	var raw []byte
	for _, s := range list {
		raw = appendString(raw, s)
	}
	return Value{typ: TypeArray, elem: TypeString, n: uint64(len(list)), raw: raw}
}

// Int32s makes an array of int32.
func Int32s(list []int32) Value {
	raw := make([]byte, 0, 4*len(list))
	for _, n := range list {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(n))
	}
	return Value{typ: TypeArray, elem: TypeInt32, n: uint64(len(list)), raw: raw}
}

func fixed(t Type, bits uint64, size int) Value {
	raw := binary.LittleEndian.AppendUint64(nil, bits)
	return Value{typ: t, raw: raw[:size]}
}

func appendString(to []byte, s string) []byte {
	to = binary.LittleEndian.AppendUint64(to, uint64(len(s)))
	return append(to, s...)
}

// append encodes the type and the content of v, as they follow the key in a file.
func (v Value) append(to []byte) []byte {
	to = binary.LittleEndian.AppendUint32(to, uint32(v.typ))
	switch v.typ {
	case TypeString:
		to = binary.LittleEndian.AppendUint64(to, uint64(len(v.raw)))
	case TypeArray:
		to = binary.LittleEndian.AppendUint32(to, uint32(v.elem))
		to = binary.LittleEndian.AppendUint64(to, v.n)
	}
	return append(to, v.raw...)
}
