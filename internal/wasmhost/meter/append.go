package meter

import "encoding/binary"

// appendU32 appends n as the shortest LEB128 number.
func appendU32(to []byte, n uint32) []byte { return binary.AppendUvarint(to, uint64(n)) }

// appendSigned appends n as the shortest signed LEB128 number.
func appendSigned(to []byte, n int64) []byte {
	for {
		b := byte(n & 0x7f)
		n >>= 7
		if n == 0 && b&0x40 == 0 || n == -1 && b&0x40 != 0 {
			return append(to, b)
		}
		to = append(to, b|0x80)
	}
}

// appendSized appends a length and so many bytes.
func appendSized[T string | []byte](to []byte, p T) []byte {
	return append(appendU32(to, uint32(len(p))), p...)
}

func appendTypes(to []byte, types []ValueType) []byte {
	to = appendU32(to, uint32(len(types)))
	for _, t := range types {
		to = append(to, byte(t))
	}
	return to
}

// appendFuncType appends a signature as the type section holds it.
func appendFuncType(to []byte, t FuncType) []byte {
	return appendTypes(appendTypes(append(to, 0x60), t.Params), t.Results)
}
