package gguf

import (
	"fmt"
	"math"
)

// minTensor is the least a tensor's description takes: a length, a dimension count, a type and an
// offset.
const minTensor = 8 + 4 + 4 + 8

func readTensors(c *cursor, f *File, count uint64) error {
	if err := c.needEach(count, minTensor); err != nil {
		return fmt.Errorf("the descriptions of %d tensors: %w", count, err)
	}
	seen := map[string]bool{}
	for i := range count {
		at := c.off
		t, err := readTensor(c, i)
		if err != nil {
			return err
		}
		if seen[t.Name] {
			return refuse("", "tensor %q at byte %d appears twice", t.Name, at)
		}
		seen[t.Name] = true
		f.Tensors = append(f.Tensors, t)
	}
	return nil
}

func readTensor(c *cursor, i uint64) (Tensor, error) {
	var t Tensor
	var err error
	if t.Name, err = c.name("its name", MaxName); err != nil {
		return t, fmt.Errorf("tensor %d: %w", i, err)
	}
	if err := readShape(c, &t); err != nil {
		return t, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return t, nil
}

// readShape reads dimensions, type and offset, and works out the size of a known type.
func readShape(c *cursor, t *Tensor) error {
	n, err := c.uint32()
	if err != nil {
		return err
	}
	if n > maxDims {
		return refuse("", "it has %d dimensions, more than %d, at byte %d", n, maxDims, c.off-4)
	}
	t.Dims = make([]uint64, n)
	for i := range t.Dims {
		if t.Dims[i], err = c.uint64(); err != nil {
			return err
		}
	}
	kind, err := c.uint32()
	if err != nil {
		return err
	}
	t.Type = TensorType(kind)
	offset, err := c.uint64()
	if err != nil {
		return err
	}
	if offset > math.MaxInt64 {
		return refuse("", "its offset %d is too large", offset)
	}
	t.Offset = int64(offset)
	return sizeTensor(t)
}

// sizeTensor sets the size of a known type. Types of a newer ggml are left for placeTensors.
func sizeTensor(t *Tensor) error {
	if _, known := layouts[t.Type]; !known {
		return nil
	}
	size, err := t.Type.bytes(t.Dims)
	if err != nil {
		return refuse("", "%v", err)
	}
	t.Bytes = size
	return nil
}

// placeTensors finds where the data begins and checks that the tensors follow one another, as
// llama.cpp asks, and end inside the file. end is where the descriptions end.
func placeTensors(f *File, end int64) error {
	f.DataOffset = end
	if len(f.Tensors) == 0 {
		return nil
	}
	f.DataOffset = align(end, f.Alignment)
	next := int64(0)
	for i := range f.Tensors {
		t := &f.Tensors[i]
		if t.Offset != next {
			return refuse("", "tensor %q begins at byte %d of the data, expected %d", t.Name, t.Offset, next)
		}
		if _, known := layouts[t.Type]; !known {
			t.Bytes = roomOf(f, i)
		}
		end = saturatingAdd(t.Offset, t.Bytes)
		next = align(end, f.Alignment)
	}
	if needs := saturatingAdd(f.DataOffset, end); needs > f.Size {
		return cutOff(needs, f.Size)
	}
	return nil
}

// roomOf returns the bytes between a tensor and the next one, or the end of the file.
func roomOf(f *File, i int) int64 {
	end := f.Size - f.DataOffset
	if i+1 < len(f.Tensors) {
		end = f.Tensors[i+1].Offset
	}
	return max(0, end-f.Tensors[i].Offset)
}

func saturatingAdd(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
