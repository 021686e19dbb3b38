package wasmhost

import (
	"encoding/binary"
	"fmt"
	"unicode/utf16"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// abortFunc is what AssemblyScript calls when a program fails: abort(message, file, line, column). The
// texts are UTF-16 with their size in bytes in front of them, and 0 where there is none.
var abortFunc = hostFunc{"abort", values(i32, i32, i32, i32), nil, "", func(in *instance, s []uint64) {
	text := "abort"
	if message := in.scriptText(uint32(s[0])); message != "" {
		text += ": " + message
	}
	if file := in.scriptText(uint32(s[1])); file != "" {
		text += fmt.Sprintf(" (%s:%d:%d)", file, uint32(s[2]), uint32(s[3]))
	}
	panic(&fault{reason: hostapi.ErrTrap, text: cut(text, maxTrapText)})
}}

// scriptText reads a text of AssemblyScript, or its beginning. A bad pointer gives none: the call ends in
// any case.
func (in *instance) scriptText(ptr uint32) string {
	if ptr < 4 || in.memory == nil {
		return ""
	}
	size, ok := in.memory.ReadUint32Le(ptr - 4)
	if !ok {
		return ""
	}
	b, ok := in.memory.Read(ptr, min(size, 2*maxTrapText)&^1)
	if !ok {
		return ""
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}
