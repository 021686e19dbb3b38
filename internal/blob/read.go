package blob

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Read reads the chunk file at path and returns its payload and its header. Whatever it returns without an
// error was written by Write with this secret, for the identity, the key and the tokens that want names.
// The origin may be any if want has none.
//
// The payload is in the memory of into if that has room, for 16 bytes more where the file is sealed, and in new memory
// if not. What an error leaves in
// into is not to be used. Errors say in words what is wrong; ErrDamaged marks a file that is there but not
// right, and fs.ErrNotExist one that is not there.
func Read(path string, secret *[32]byte, want *Header, into []byte) (payload []byte, got Header, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, got, unread(err)
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, got, unread(err)
	case !info.Mode().IsRegular():
		return nil, got, damaged("it is no file")
	}
	payload, err = got.read(file, info.Size(), secret, into)
	if err == nil {
		err = got.differs(want)
	}
	if err != nil {
		return nil, got, unread(err)
	}
	return payload, got, nil
}

// read reads a whole file of size bytes and authenticates it.
func (h *Header) read(file io.Reader, size int64, secret *[32]byte, into []byte) (payload []byte, err error) {
	var header [HeaderSize]byte
	if size < HeaderSize {
		return nil, damaged("it has %d bytes, fewer than a header", size)
	}
	if _, err := io.ReadFull(file, header[:]); err != nil {
		return nil, err
	}
	length, err := h.decode(&header, size)
	if err != nil {
		return nil, err
	}
	room := length
	if h.Sealed {
		room += tagSize
	}
	if cap(into) < room {
		into = make([]byte, room)
	}
	payload = into[:length]
	if _, err := io.ReadFull(file, payload); err != nil {
		return nil, err
	}
	if h.Sealed {
		return unsealed(secret, &header, payload)
	}
	tag, err := tagOf(secret, &header, payload)
	if err == nil && subtle.ConstantTimeCompare(tag[:], header[atTag:]) != 1 {
		err = errForeign
	}
	return payload, err
}

// unread says why a file could not be read, without its path.
func unread(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("its file is gone: %w", fs.ErrNotExist)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return damaged("it became shorter while it was read")
	case errors.Is(err, ErrDamaged):
		return err
	}
	return fmt.Errorf("its file cannot be read: %w", err)
}
