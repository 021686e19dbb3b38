package guest

import "unsafe"

// Version 1.0 of the contract.
const abiVersion = 1 << 16

// The buffers of the call under way. Package variables keep them alive and where they are.
var (
	input  []byte // the host writes here
	output []byte // and reads the result here
)

//lint:ignore U1000 the host calls it
//go:wasmexport kvasir_abi_version
func version() uint32 { return abiVersion }

// alloc makes room for the n bytes that the host is about to write.
//
//lint:ignore U1000 the host calls it
//go:wasmexport kvasir_alloc
func alloc(n uint32) uint32 {
	if uint64(n) > uint64(cap(input)) || cap(input) == 0 {
		input = make([]byte, max(n, minBuffer))
	}
	input = input[:cap(input)]
	return address(input)
}

// minBuffer is large enough for Go to align a buffer to 8 bytes.
const minBuffer = 4096

// address is where b begins. A guest has at most 1 GiB, so the mask changes nothing there; elsewhere what
// is left can only be compared.
func address(b []byte) uint32 {
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (1<<31 - 1)
}

// inputAt returns the n bytes that the host wrote at ptr, which is where alloc said.
func inputAt(ptr, n uint32) []byte {
	if n == 0 {
		return nil
	}
	if ptr != address(input) || uint64(n) > uint64(len(input)) {
		panic("kvasir: the host wrote outside the buffer it was given")
	}
	return input[:n:n]
}

// view returns bytes as a text without copying them.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Call runs f on the input of an exported function and returns what the function must return. f appends
// its result to dst. The role functions are built on it; a plugin rarely needs it itself.
func Call(ptr, n uint32, f func(dst, input []byte) ([]byte, error)) uint64 {
	if output == nil {
		output = make([]byte, 0, minBuffer)
	}
	result, err := f(output[:0], inputAt(ptr, n))
	if err != nil {
		return fail(err)
	}
	output = result
	if len(output) == 0 {
		return 0
	}
	return uint64(address(output))<<32 | uint64(len(output))
}

// fail is the result of a function that failed.
func fail(err error) uint64 {
	hostErrorSet(err.Error())
	return 1<<63 | 1
}
