package wasmhost

import (
	"encoding/binary"
	"slices"

	"github.com/kvasir-cache/kvasir/internal/wasmhost/meter"
)

// A module is built in a test where what is wrong with it is in its imports or exports.
type builder struct {
	imports []meter.Import
	exports []function
	memory  string // name of the exported memory; empty for none
}

// function is exported and has the given code, without its end.
type function struct {
	name   string
	typ    meter.FuncType
	code   []byte
	locals int // of i64
}

func typeOf(params, results string) meter.FuncType {
	return meter.FuncType{Params: types(params), Results: types(results)}
}

// types reads a letter for each type: i is i32, l is i64, f is f32, d is f64.
func types(letters string) []meter.ValueType {
	var list []meter.ValueType
	for _, l := range letters {
		list = append(list, map[rune]meter.ValueType{'i': meter.I32, 'l': meter.I64, 'f': meter.F32, 'd': meter.F64}[l])
	}
	return list
}

// Code of functions.
var (
	returnVersion = append([]byte{0x41}, leb(0x10000)...) // i32.const
	return64      = []byte{0x41, 0xc0, 0x00}              // i32.const 64
	returnNothing = []byte{0x42, 0x00}                    // i64.const 0
	trapAtOnce    = []byte{0x00}
	loopForever   = []byte{0x03, 0x40, 0x0c, 0x00, 0x0b}
)

// plain is a module of the contract with a normalizer and nothing wrong.
func plain() *builder {
	return &builder{memory: "memory", exports: []function{
		{"kvasir_abi_version", typeOf("", "i"), returnVersion, 0},
		{"kvasir_alloc", typeOf("i", "i"), return64, 0},
		{"kvasir_normalize", typeOf("ii", "l"), returnNothing, 0},
	}}
}

// with replaces or adds an export.
func (b *builder) with(name string, typ meter.FuncType, code []byte) *builder {
	for i, f := range b.exports {
		if f.name == name {
			b.exports[i] = function{name, typ, code, 0}
			return b
		}
	}
	b.exports = append(b.exports, function{name, typ, code, 0})
	return b
}

func (b *builder) without(name string) *builder {
	kept := b.exports[:0]
	for _, f := range b.exports {
		if f.name != name {
			kept = append(kept, f)
		}
	}
	b.exports = kept
	return b
}

func (b *builder) importing(module, name string, typ meter.FuncType) *builder {
	b.imports = append(b.imports, meter.Import{Module: module, Name: name, Type: typ})
	return b
}

func (b *builder) bytes() []byte {
	var typeItems, importItems, functionItems, exportItems, codeItems [][]byte
	typeIndex := func(t meter.FuncType) []byte {
		item := append([]byte{0x60}, values8(t.Params)...)
		typeItems = append(typeItems, append(item, values8(t.Results)...))
		return leb(len(typeItems) - 1)
	}
	for _, i := range b.imports {
		item := append(name(i.Module), name(i.Name)...)
		importItems = append(importItems, append(append(item, 0), typeIndex(i.Type)...))
	}
	for n, f := range b.exports {
		functionItems = append(functionItems, typeIndex(f.typ))
		exportItems = append(exportItems, append(append(name(f.name), 0), leb(len(b.imports)+n)...))
		code := append(append(append(leb(1), leb(f.locals)...), 0x7e), append(slices.Clone(f.code), 0x0b)...)
		codeItems = append(codeItems, append(leb(len(code)), code...))
	}
	module := []byte("\x00asm\x01\x00\x00\x00")
	module = append(module, section(1, typeItems)...)
	module = append(module, section(2, importItems)...)
	module = append(module, section(3, functionItems)...)
	if b.memory != "" {
		module = append(module, section(5, [][]byte{{0, 1}})...)
		exportItems = append(exportItems, append(name(b.memory), 2, 0))
	}
	module = append(module, section(7, exportItems)...)
	return append(module, section(10, codeItems)...)
}

func section(id byte, items [][]byte) []byte {
	if len(items) == 0 {
		return nil
	}
	body := leb(len(items))
	for _, i := range items {
		body = append(body, i...)
	}
	return append(append([]byte{id}, leb(len(body))...), body...)
}

func leb(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func name(s string) []byte { return append(leb(len(s)), s...) }

func values8(types []meter.ValueType) []byte {
	b := leb(len(types))
	for _, t := range types {
		b = append(b, byte(t))
	}
	return b
}
