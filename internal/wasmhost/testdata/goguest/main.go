// A guest in Go for benchmarks: GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared
package main

import "unsafe"

var buffer []byte

//go:wasmexport kvasir_abi_version
func version() uint32 { return 1 << 16 }

//go:wasmexport kvasir_alloc
func alloc(n uint32) uint32 {
	if int(n) > len(buffer) {
		buffer = make([]byte, n)
	}
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(buffer))))
}

//go:wasmexport kvasir_normalize
func normalize(ptr, n uint32) uint64 {
	text := buffer[:n]
	end, blank := 0, true
	for _, c := range text {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		space := c == ' ' || '\t' <= c && c <= '\r'
		if space && blank {
			continue
		}
		if space {
			c = ' '
		}
		text[end] = c
		end++
		blank = space
	}
	if blank && end > 0 {
		end--
	}
	return uint64(ptr)<<32 | uint64(end)
}

func main() {}
