//go:build !linux && !darwin

package wasmhost

import "github.com/tetratelabs/wazero/experimental"

// reserve gives guests memory of the Go heap.
var reserve experimental.MemoryAllocator = experimental.MemoryAllocatorFunc(func(_, _ uint64) experimental.LinearMemory {
	return &heapMemory{}
})
