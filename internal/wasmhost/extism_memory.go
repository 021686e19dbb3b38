package wasmhost

import "sort"

// arena is the memory that Extism keeps outside of a guest, for one call. Offsets start above 0, which
// means that there is nothing.
type arena struct {
	data   []byte
	limit  uint64
	blocks []block // ascending
}

// block is a piece of an arena. The zero block is none.
type block struct{ offset, length uint64 }

const blockAlign = 16

func (a *arena) reset(limit uint64) {
	if cap(a.data) < blockAlign {
		a.data = make([]byte, 0, 4096)
	}
	a.data = a.data[:blockAlign]
	a.blocks = a.blocks[:0]
	a.limit = limit
}

// alloc returns a block of n zeros, or none if there is no room.
func (a *arena) alloc(n uint64) block {
	start := uint64(len(a.data))
	size := (n + blockAlign - 1) &^ (blockAlign - 1)
	if n == 0 || n > a.limit || start+size > a.limit {
		return block{}
	}
	if end := start + size; end <= uint64(cap(a.data)) {
		a.data = a.data[:end]
		clear(a.data[start:])
	} else {
		a.data = append(a.data, make([]byte, size)...)
	}
	b := block{start, n}
	a.blocks = append(a.blocks, b)
	return b
}

// free gives back the last block. Others stay until the call ends.
func (a *arena) free(offset uint64) {
	if n := len(a.blocks); n > 0 && offset != 0 && a.blocks[n-1].offset == offset {
		a.data = a.data[:offset]
		a.blocks = a.blocks[:n-1]
	}
}

// find returns the block that begins at offset, or none.
func (a *arena) find(offset uint64) block {
	i := sort.Search(len(a.blocks), func(i int) bool { return a.blocks[i].offset >= offset })
	if i < len(a.blocks) && a.blocks[i].offset == offset {
		return a.blocks[i]
	}
	return block{}
}

// bytes returns what is in b, which must be a block of the arena. It is valid until the next alloc.
func (a *arena) bytes(b block) []byte {
	if b.length == 0 {
		return nil
	}
	return a.data[b.offset : b.offset+b.length]
}

// at returns n bytes at an offset, or nil if they are not all there.
func (a *arena) at(offset, n uint64) []byte {
	if offset < blockAlign || offset > uint64(len(a.data)) || n > uint64(len(a.data))-offset {
		return nil
	}
	return a.data[offset : offset+n : offset+n]
}
