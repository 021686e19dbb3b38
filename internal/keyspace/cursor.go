package keyspace

import (
	"encoding/binary"
	"fmt"
	"math"
)

// cursor reads the fields of data one after the other. After the first problem it keeps the error and
// every further read returns zero, so callers check once, at the end.
type cursor struct {
	key  []byte
	data []byte
	pos  int // of the next field; a number rather than a shrinking slice, which costs a write barrier
	err  error
}

func (c *cursor) left() int { return len(c.data) - c.pos }

func (c *cursor) fail(field, format string, args ...any) {
	if c.err == nil {
		c.err = &CorruptError{Key: c.key, Field: field, Reason: fmt.Sprintf(format, args...)}
	}
	c.pos = len(c.data)
}

// take returns the next n bytes, still part of the input, or nil.
func (c *cursor) take(field string, n uint64) []byte {
	if c.err != nil {
		return nil
	}
	if n > uint64(c.left()) {
		c.fail(field, "has %d bytes, and %d are left", n, c.left())
		return nil
	}
	start := c.pos
	c.pos += int(n)
	return c.data[start:c.pos]
}

func (c *cursor) byte(field string) byte {
	if b := c.take(field, 1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint64(field string) uint64 {
	if b := c.take(field, 8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (c *cursor) int64(field string) int64 { return int64(c.uint64(field)) }

// uvarint reads a number in its shortest form; a longer one would be a second encoding of it.
func (c *cursor) uvarint(field string) uint64 {
	if c.err != nil {
		return 0
	}
	v, n := binary.Uvarint(c.data[c.pos:])
	if n <= 0 {
		c.fail(field, "is no number")
		return 0
	}
	if n > 1 && c.data[c.pos+n-1] == 0 {
		c.fail(field, "is a number with needless bytes")
		return 0
	}
	c.pos += n
	return v
}

// int reads what appendInt wrote.
func (c *cursor) int(field string) int {
	v := int64(c.uvarint(field))
	if int64(int(v)) != v {
		c.fail(field, "is %d, too large for this machine", v)
		return 0
	}
	return int(v)
}

// uint32 reads an unsigned number of at most 32 bits.
func (c *cursor) uint32(field string) uint32 {
	v := c.uvarint(field)
	if v > math.MaxUint32 {
		c.fail(field, "is %d, too large", v)
		return 0
	}
	return uint32(v)
}

// count reads how many items follow; each of them takes at least size bytes.
func (c *cursor) count(field string, size int) int {
	n := c.uvarint(field)
	if n > uint64(c.left()/size) {
		c.fail(field, "has %d items, and %d bytes are left", n, c.left())
		return 0
	}
	return int(n)
}

func (c *cursor) bytes(field string) []byte { return c.take(field, c.uvarint(field)) }

func (c *cursor) string(field string) string { return string(c.bytes(field)) }

func (c *cursor) hash(field string) (h Hash) {
	copy(h[:], c.take(field, uint64(len(h))))
	return h
}

// tokens reads what appendTokens wrote.
func (c *cursor) tokens(field string) []int32 {
	n := c.count(field, 1)
	if n == 0 {
		return nil
	}
	tokens := make([]int32, n)
	for i := range tokens {
		if v, size := shortUvarint(c.data[c.pos:]); size > 0 { // all of them, in a list that is sound
			tokens[i], c.pos = int32(v), c.pos+size
			continue
		}
		v := c.uvarint(field)
		if v > math.MaxUint32 {
			c.fail(field, "holds %d, which is no token", v)
			return nil
		}
		tokens[i] = int32(uint32(v))
	}
	return tokens
}

// shortUvarint reads a number of one to three bytes in its shortest form. Anything else has size 0, and is
// for uvarint to judge. It is small enough to be inlined; lists of tokens are most of an entry.
func shortUvarint(b []byte) (v uint32, size int) {
	if len(b) < 3 {
		return 0, 0
	}
	switch {
	case b[0] < 0x80:
		return uint32(b[0]), 1
	case b[1] < 0x80 && b[1] > 0:
		return uint32(b[0]&0x7f) | uint32(b[1])<<7, 2
	case b[1] >= 0x80 && b[2] < 0x80 && b[2] > 0:
		return uint32(b[0]&0x7f) | uint32(b[1]&0x7f)<<7 | uint32(b[2])<<14, 3
	}
	return 0, 0
}

// end reports the first problem; bytes after the last field are one too.
func (c *cursor) end() error {
	if c.err == nil && c.left() > 0 {
		c.fail("value", "has %d bytes after its last field", c.left())
	}
	return c.err
}

// appendInt takes any int; a negative one costs ten bytes.
func appendInt(b []byte, v int) []byte { return binary.AppendUvarint(b, uint64(int64(v))) }

func appendInt64(b []byte, v int64) []byte { return binary.LittleEndian.AppendUint64(b, uint64(v)) }

func appendBytes[T []byte | string](b []byte, v T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

// appendTokens writes each token as an unsigned number of 32 bits: two or three bytes for the
// vocabularies there are. Differences between neighbours would be no shorter.
func appendTokens(b []byte, tokens []int32) []byte {
	b = binary.AppendUvarint(b, uint64(len(tokens)))
	for _, t := range tokens {
		b = binary.AppendUvarint(b, uint64(uint32(t)))
	}
	return b
}
