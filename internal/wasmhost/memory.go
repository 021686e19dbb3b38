package wasmhost

// heapMemory is memory of one instance in the Go heap.
type heapMemory struct{ bytes []byte }

// Reallocate implements experimental.LinearMemory. The meter has bounded what a guest may ask for.
func (m *heapMemory) Reallocate(size uint64) []byte {
	if more := size - uint64(len(m.bytes)); size > uint64(len(m.bytes)) {
		m.bytes = append(m.bytes, make([]byte, more)...)
	}
	return m.bytes[:size:size]
}

// Free implements experimental.LinearMemory.
func (m *heapMemory) Free() { m.bytes = nil }
