package meter

import (
	"fmt"
	"strings"
)

// Info describes a module as it came, for a loader that must say which import or export is wrong.
type Info struct {
	Imports   []Import // functions only, in order; the tick function is not among them
	Exports   []Export // in order; StepsGlobal and DepthGlobal are not among them
	Memory    *Memory  // nil if the module has none
	Tables    []Table
	Functions int // defined by the module
	Custom    []Custom
}

// Import is a function the module asks for.
type Import struct {
	Module, Name string
	Type         FuncType
}

// Export is a thing the module offers under a name.
type Export struct {
	Name string
	Kind Kind
	Type FuncType // of a function; empty for other kinds
}

// Memory is the size of a memory in pages of 64 KiB.
type Memory struct {
	Min, Max uint32 // as rewritten
	Clamped  bool   // the module asked for a higher maximum, or named none
}

// Table is the size of a table in elements.
type Table struct {
	Min, Max uint32 // as rewritten
	Clamped  bool   // the module asked for a higher maximum, or named none
}

// Custom is a custom section. Data is part of the module that was given to Rewrite.
type Custom struct {
	Name string
	Data []byte
}

// Kind is what an export is.
type Kind byte

// The kinds of exports.
const (
	KindFunction Kind = iota
	KindTable
	KindMemory
	KindGlobal
)

// String returns the word WebAssembly text uses.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", byte(k))
}

var kindNames = [...]string{"func", "table", "memory", "global"}

// ValueType is the type of a value, as it is encoded in a module.
type ValueType byte

// The types of values.
const (
	I32       ValueType = 0x7f
	I64       ValueType = 0x7e
	F32       ValueType = 0x7d
	F64       ValueType = 0x7c
	V128      ValueType = 0x7b
	FuncRef   ValueType = 0x70
	ExternRef ValueType = 0x6f
)

var valueTypeNames = map[ValueType]string{
	I32: "i32", I64: "i64", F32: "f32", F64: "f64", V128: "v128", FuncRef: "funcref", ExternRef: "externref",
}

// String returns the word WebAssembly text uses.
func (t ValueType) String() string {
	if name, ok := valueTypeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("type %#x", byte(t))
}

func (t ValueType) isRef() bool { return t == FuncRef || t == ExternRef }

// FuncType is the signature of a function. Its slices must not be changed.
type FuncType struct {
	Params, Results []ValueType
}

// String returns the signature as in "(i32, i32) -> (i64)".
func (t FuncType) String() string { return join(t.Params) + " -> " + join(t.Results) }

func join(types []ValueType) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.String()
	}
	return "(" + strings.Join(names, ", ") + ")"
}

// Export returns the export of that name.
func (i *Info) Export(name string) (Export, bool) {
	for _, e := range i.Exports {
		if e.Name == name {
			return e, true
		}
	}
	return Export{}, false
}
