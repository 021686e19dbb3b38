//go:build linux || darwin

package wasmhost

import (
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// reserve gives guests memory outside the Go heap: address space for all that they may have, of which the
// system provides what they touch. So memory grows without a copy, an instance is made and thrown away
// without clearing pages nobody used, and the garbage collector knows nothing of it.
var reserve experimental.MemoryAllocator = experimental.MemoryAllocatorFunc(func(_, most uint64) experimental.LinearMemory {
	if most == 0 {
		return &heapMemory{}
	}
	space, err := syscall.Mmap(-1, 0, int(most), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		return &heapMemory{} // where address space is limited
	}
	return &reserved{space}
})

// reserved is memory of one instance.
type reserved struct{ space []byte }

// Reallocate implements experimental.LinearMemory. size never shrinks.
func (m *reserved) Reallocate(size uint64) []byte {
	if size > uint64(len(m.space)) {
		return nil
	}
	return m.space[:size:size]
}

// Free implements experimental.LinearMemory.
func (m *reserved) Free() {
	if m.space != nil {
		syscall.Munmap(m.space) // fails for no memory that Mmap returned
		m.space = nil
	}
}
