package meter_test

import "encoding/binary"

// Helpers that put modules together byte by byte, for what the text format cannot say.

const (
	i32, i64, f32, f64 = 0x7f, 0x7e, 0x7d, 0x7c
	v128               = 0x7b
	funcref, externref = 0x70, 0x6f
)

func cat(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func uleb(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func sleb(n int64) []byte {
	var out []byte
	for {
		b := byte(n & 0x7f)
		n >>= 7
		if n == 0 && b < 0x40 || n == -1 && b >= 0x40 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

func sized(p []byte) []byte { return cat(uleb(len(p)), p) }

func text(s string) []byte { return sized([]byte(s)) }

func module(sections ...[]byte) []byte {
	return cat([]byte("\x00asm\x01\x00\x00\x00"), cat(sections...))
}

// raw is a section as it stands.
func raw(id byte, content ...byte) []byte { return cat([]byte{id}, sized(content)) }

// section is a section that is a list of items.
func section(id byte, items ...[]byte) []byte {
	return raw(id, cat(uleb(len(items)), cat(items...))...)
}

func types(items ...[]byte) []byte     { return section(1, items...) }
func imports(items ...[]byte) []byte   { return section(2, items...) }
func functions(indexes ...byte) []byte { return raw(3, cat(uleb(len(indexes)), indexes)...) }
func tables(items ...[]byte) []byte    { return section(4, items...) }
func memories(items ...[]byte) []byte  { return section(5, items...) }
func globals(items ...[]byte) []byte   { return section(6, items...) }
func exports(items ...[]byte) []byte   { return section(7, items...) }
func elements(items ...[]byte) []byte  { return section(9, items...) }
func bodies(items ...[]byte) []byte    { return section(10, items...) }
func data(items ...[]byte) []byte      { return section(11, items...) }

func signature(params, results []byte) []byte {
	return cat([]byte{0x60}, sized(params), sized(results))
}

func importOf(mod, name string, desc ...byte) []byte { return cat(text(mod), text(name), desc) }

func exportOf(name string, kind byte, index int) []byte {
	return cat(text(name), []byte{kind}, uleb(index))
}

// body is a function without locals. Its end is added.
func body(code ...byte) []byte { return sized(cat([]byte{0}, code, []byte{0x0b})) }

// bodyWith is a function with locals, as groups of a count and a type.
func bodyWith(groups [][]byte, code ...byte) []byte {
	return sized(cat(uleb(len(groups)), cat(groups...), code, []byte{0x0b}))
}

func repeat(n int, code ...byte) []byte {
	out := make([]byte, 0, n*len(code))
	for range n {
		out = append(out, code...)
	}
	return out
}

// single is a module with one function of type () -> (), exported as "f", and one page of memory.
func single(code ...byte) []byte {
	return module(types(signature(nil, nil)), functions(0), memories([]byte{0, 1}),
		exports(exportOf("f", 0, 0)), bodies(body(code...)))
}

// loops is code that repeats what stands in it until local 0 is zero.
func loops(code ...byte) []byte {
	return cat([]byte{0x03, 0x40}, code,
		[]byte{0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b}) // local.get 0, 1, sub, tee 0, br_if 0
}
