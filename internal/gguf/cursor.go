package gguf

import (
	"bufio"
	"encoding/binary"
	"io"
)

// cursor reads a header from its start. It never reads past the file or past MaxHeader, and it
// checks a length before anything is allocated for it.
type cursor struct {
	src  io.ReaderAt
	r    *bufio.Reader
	size int64 // of the file
	off  int64 // of the next byte
	tmp  [8]byte
}

func newCursor(r io.ReaderAt, size int64) *cursor {
	c := &cursor{src: r, size: size, r: bufio.NewReaderSize(nil, 32<<10)}
	c.seek(0)
	return c
}

// seek goes to a place that was read before.
func (c *cursor) seek(off int64) {
	c.r.Reset(io.NewSectionReader(c.src, off, c.size-off))
	c.off = off
}

// need reports an error unless n more bytes may be read.
func (c *cursor) need(n uint64) error {
	remain := uint64(c.size - c.off)
	if n > remain {
		return refuse(hintAgain, "the file is cut off at byte %d: %d more bytes are needed, %d remain", c.off, n, remain)
	}
	if n > uint64(MaxHeader-c.off) {
		return refuse("", "the header is larger than %d MiB: %d bytes are claimed at byte %d", MaxHeader>>20, n, c.off)
	}
	return nil
}

// needEach reports an error unless n items of at least size bytes each may be read.
func (c *cursor) needEach(n, size uint64) error {
	if n > MaxHeader/size {
		return refuse("", "%d items are claimed at byte %d, more than a header may hold", n, c.off)
	}
	return c.need(n * size)
}

func (c *cursor) fill(p []byte) error {
	if err := c.need(uint64(len(p))); err != nil {
		return err
	}
	n, err := io.ReadFull(c.r, p)
	c.off += int64(n)
	if err != nil {
		return readFailed(c.off, err)
	}
	return nil
}

func (c *cursor) uint32() (uint32, error) {
	err := c.fill(c.tmp[:4])
	return binary.LittleEndian.Uint32(c.tmp[:4]), err
}

func (c *cursor) uint64() (uint64, error) {
	err := c.fill(c.tmp[:8])
	return binary.LittleEndian.Uint64(c.tmp[:8]), err
}

// bytes reads n bytes into memory of their own.
func (c *cursor) bytes(n uint64) ([]byte, error) {
	if err := c.need(n); err != nil {
		return nil, err
	}
	p := make([]byte, n)
	return p, c.fill(p)
}

// skip passes over n bytes.
func (c *cursor) skip(n uint64) error {
	if err := c.need(n); err != nil {
		return err
	}
	passed, err := c.r.Discard(int(n)) // at most MaxHeader
	c.off += int64(passed)
	if err != nil {
		return readFailed(c.off, err)
	}
	return nil
}

// text reads a length and so many bytes.
func (c *cursor) text() ([]byte, error) {
	n, err := c.uint64()
	if err != nil {
		return nil, err
	}
	return c.bytes(n)
}

// name reads a text of at most limit bytes.
func (c *cursor) name(what string, limit uint64) (string, error) {
	at := c.off
	n, err := c.uint64()
	if err != nil {
		return "", err
	}
	if err := c.need(n); err != nil {
		return "", err
	}
	if n > limit {
		return "", refuse("", "%s at byte %d is %d bytes long, more than %d", what, at, n, limit)
	}
	p, err := c.bytes(n)
	return string(p), err
}
