package blob

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Names of files on their way. Nothing else in the folder begins like this.
const tempPrefix = "new-"

// Write writes a chunk file with mode 0600 under a temporary name in dir, making dir with mode 0700 if it is
// not there, and syncs it. It returns its path and its size. Commit gives the file its name; whoever does
// not want it removes it. A file that cannot be written whole is not left behind.
//
// The payload may come in parts, which are read only until Write returns.
func Write(dir string, secret *[32]byte, h *Header, payload ...[]byte) (temp string, size int64, err error) {
	if err := h.check(); err != nil {
		return "", 0, fmt.Errorf("chunk %x: %w", h.Key[:4], err)
	}
	whole := join(payload)
	if len(whole) == 0 || len(whole) > maxPayload {
		return "", 0, fmt.Errorf("chunk %x: a payload of %d bytes; it has 1 to %d", h.Key[:4], len(whole), maxPayload)
	}
	var salt [16]byte
	_, _ = rand.Read(salt[:]) // never fails
	header := h.encode(len(whole), salt)
	var tag [tagSize]byte
	if h.Sealed {
		whole, tag, err = sealed(secret, &header, whole)
	} else {
		tag, err = tagOf(secret, &header, whole)
	}
	if err != nil {
		return "", 0, fmt.Errorf("chunk %x: %w", h.Key[:4], err)
	}
	copy(header[atTag:], tag[:])
	if temp, err = writeTemp(dir, header[:], whole); err != nil {
		return "", 0, fmt.Errorf("chunk %x: %w", h.Key[:4], err)
	}
	return temp, int64(HeaderSize + len(whole)), nil
}

// join returns the parts as one; a single one is not copied.
func join(parts [][]byte) []byte {
	if len(parts) == 1 {
		return parts[0]
	}
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	whole := make([]byte, 0, size)
	for _, p := range parts {
		whole = append(whole, p...)
	}
	return whole
}

func writeTemp(dir string, header, payload []byte) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	file, err := os.CreateTemp(dir, tempPrefix+"*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = file.Write(header)
	if err == nil {
		_, err = file.Write(payload)
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(file.Name())
		return "", err
	}
	return file.Name(), nil
}

// IsTemp reports whether a file in a folder of chunks has a temporary name.
func IsTemp(name string) bool { return strings.HasPrefix(name, tempPrefix) }
