package gguf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// Type is the type of a metadata value, with the numbers the format gives them.
type Type uint32

// The types of the format. An array's elements have any type but TypeArray.
const (
	TypeUint8 Type = iota
	TypeInt8
	TypeUint16
	TypeInt16
	TypeUint32
	TypeInt32
	TypeFloat32
	TypeBool
	TypeString
	TypeArray
	TypeUint64
	TypeInt64
	TypeFloat64
)

var typeNames = [...]string{"uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "bool",
	"string", "array", "uint64", "int64", "float64"}

// String returns a name such as "uint32".
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// size returns the bytes of a value of fixed size, and 0 for strings, arrays and unknown types.
func (t Type) size() int {
	switch t {
	case TypeUint8, TypeInt8, TypeBool:
		return 1
	case TypeUint16, TypeInt16:
		return 2
	case TypeUint32, TypeInt32, TypeFloat32:
		return 4
	case TypeUint64, TypeInt64, TypeFloat64:
		return 8
	}
	return 0
}

// Value is one value of the metadata. It is immutable; the zero Value answers false to every
// question.
type Value struct {
	typ  Type
	elem Type   // of an array
	n    uint64 // elements of an array
	raw  []byte // a number little-endian, the bytes of a string, or an array's elements as stored
}

// Type returns the type of v.
func (v Value) Type() Type { return v.typ }

// Elem returns the type of the elements of an array.
func (v Value) Elem() Type { return v.elem }

// Len returns the number of elements of an array, and 0 for anything else.
func (v Value) Len() uint64 { return v.n }

// Equal says whether v and w have the same type and the same content.
func (v Value) Equal(w Value) bool {
	return v.typ == w.typ && v.elem == w.elem && v.n == w.n && bytes.Equal(v.raw, w.raw)
}

// AsString returns the text of a string, as stored; nothing promises valid UTF-8.
func (v Value) AsString() (string, bool) {
	if v.typ != TypeString {
		return "", false
	}
	return string(v.raw), true
}

// AsUint returns a whole number that is not below zero.
func (v Value) AsUint() (uint64, bool) {
	n, neg, ok := integer(v.typ, v.raw)
	return n, ok && !neg
}

// AsInt returns a whole number that fits an int64.
func (v Value) AsInt() (int64, bool) {
	n, neg, ok := integer(v.typ, v.raw)
	return int64(n), ok && (neg || n <= math.MaxInt64)
}

// AsFloat returns a float32 or a float64.
func (v Value) AsFloat() (float64, bool) {
	switch {
	case v.typ == TypeFloat32 && len(v.raw) == 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(v.raw))), true
	case v.typ == TypeFloat64 && len(v.raw) == 8:
		return math.Float64frombits(binary.LittleEndian.Uint64(v.raw)), true
	}
	return 0, false
}

// AsBool returns a truth value. Like llama.cpp it takes any byte but 0 for true.
func (v Value) AsBool() (value, ok bool) {
	if v.typ != TypeBool || len(v.raw) != 1 {
		return false, false
	}
	return v.raw[0] != 0, true
}

// AsStrings returns a copy of an array of strings.
func (v Value) AsStrings() ([]string, bool) {
	if v.typ != TypeArray || v.elem != TypeString {
		return nil, false
	}
	list, rest := make([]string, 0, v.n), v.raw
	for range v.n {
		n := binary.LittleEndian.Uint64(rest) // the reader checked every length
		list = append(list, string(rest[8:8+n]))
		rest = rest[8+n:]
	}
	return list, true
}

// AsInts returns a copy of an array of whole numbers, each of which fits an int64.
func (v Value) AsInts() ([]int64, bool) {
	if v.typ != TypeArray || !v.elem.integral() {
		return nil, false
	}
	list, size := make([]int64, 0, v.n), v.elem.size()
	for i := range int(v.n) {
		n, neg, _ := integer(v.elem, v.raw[i*size:(i+1)*size])
		if !neg && n > math.MaxInt64 {
			return nil, false
		}
		list = append(list, int64(n))
	}
	return list, true
}

func (t Type) integral() bool {
	return t.size() > 0 && t != TypeBool && t != TypeFloat32 && t != TypeFloat64
}

// integer decodes a whole number: its value as two's complement, and whether it is below zero.
func integer(t Type, raw []byte) (n uint64, negative, ok bool) {
	if !t.integral() || len(raw) != t.size() {
		return 0, false, false
	}
	for i := len(raw) - 1; i >= 0; i-- {
		n = n<<8 | uint64(raw[i])
	}
	switch t {
	case TypeInt8, TypeInt16, TypeInt32, TypeInt64:
		shift := 64 - 8*len(raw)
		signed := int64(n<<shift) >> shift
		return uint64(signed), signed < 0, true
	}
	return n, false, true
}
