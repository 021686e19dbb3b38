package gguf

import (
	"encoding/binary"
	"fmt"
)

// minKey is the least a key with its value takes: a length, one byte, a type and one byte.
const minKey = 8 + 1 + 4 + 1

func readMetadata(c *cursor, f *File, keys uint64) error {
	if err := c.needEach(keys, minKey); err != nil {
		return fmt.Errorf("the metadata's %d keys: %w", keys, err)
	}
	for i := range keys {
		if err := readKey(c, f, i); err != nil {
			return err
		}
	}
	return nil
}

func readKey(c *cursor, f *File, i uint64) error {
	at := c.off
	key, err := c.name("its name", MaxKey)
	if err != nil {
		return fmt.Errorf("key %d: %w", i, err)
	}
	if key == "" {
		return refuse("", "key %d at byte %d has no name", i, at)
	}
	if _, twice := f.index[key]; twice {
		return refuse("", "key %q at byte %d appears twice", key, at)
	}
	v, err := readValue(c)
	if err != nil {
		return fmt.Errorf("key %q: %w", key, err)
	}
	f.index[key] = len(f.Metadata)
	f.Metadata = append(f.Metadata, KV{Key: key, Value: v})
	return nil
}

func readValue(c *cursor) (Value, error) {
	at := c.off
	n, err := c.uint32()
	if err != nil {
		return Value{}, err
	}
	v := Value{typ: Type(n)}
	switch size := v.typ.size(); {
	case size > 0:
		v.raw, err = c.bytes(uint64(size))
	case v.typ == TypeString:
		v.raw, err = c.text()
	case v.typ == TypeArray:
		return readArray(c)
	default:
		return Value{}, refuse("", "its value at byte %d has unknown type %d", at, n)
	}
	return v, err
}

func readArray(c *cursor) (Value, error) {
	at := c.off
	elem, err := c.uint32()
	if err != nil {
		return Value{}, err
	}
	v := Value{typ: TypeArray, elem: Type(elem)}
	if v.n, err = c.uint64(); err != nil {
		return Value{}, err
	}
	switch size := v.elem.size(); {
	case size > 0:
		if err = c.needEach(v.n, uint64(size)); err == nil {
			v.raw, err = c.bytes(v.n * uint64(size))
		}
	case v.elem == TypeString:
		v.raw, err = readStrings(c, v.n)
	default:
		return Value{}, refuse("", "its array at byte %d has elements of type %d, which llama.cpp does not load", at, elem)
	}
	return v, err
}

// readStrings reads n strings into one piece of memory, lengths included. It measures them first,
// so that it allocates what they need and no more.
func readStrings(c *cursor, n uint64) ([]byte, error) {
	if err := c.needEach(n, 8); err != nil {
		return nil, err
	}
	start := c.off
	for i := range n {
		size, err := c.uint64()
		if err == nil {
			err = c.skip(size)
		}
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	end := c.off
	c.seek(start)
	raw, err := c.bytes(uint64(end - start))
	if err == nil && !holdsStrings(raw, n) {
		err = refuse(hintAgain, "the file changed while it was read, near byte %d", start)
	}
	return raw, err
}

// holdsStrings says whether raw is exactly n strings, each after its length.
func holdsStrings(raw []byte, n uint64) bool {
	for range n {
		if len(raw) < 8 {
			return false
		}
		size := binary.LittleEndian.Uint64(raw)
		if size > uint64(len(raw)-8) {
			return false
		}
		raw = raw[8+size:]
	}
	return len(raw) == 0
}
