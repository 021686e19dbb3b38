package gguf

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
)

// hashStep is how much is hashed between two looks at ctx and two calls of progress.
const hashStep = 1 << 20

// Hash returns the SHA-256, in hex, and the number of bytes of the whole content of the files, one
// after another. It calls progress, unless that is nil, after every mebibyte and at the end, from
// the calling goroutine; total is what the files held when it began. When ctx ends it stops within
// a mebibyte and returns ctx's error. Other errors wrap base.ErrModel.
func Hash(ctx context.Context, paths []string, progress func(done, total int64)) (string, int64, error) {
	total, err := sizeOf(paths)
	if err != nil {
		return "", 0, err
	}
	h := &hasher{sum: sha256.New(), total: total, progress: progress, buf: make([]byte, hashStep)}
	for _, path := range paths {
		if err := h.file(ctx, path); err != nil {
			return "", 0, err
		}
	}
	return hex.EncodeToString(h.sum.Sum(nil)), h.done, nil
}

func sizeOf(paths []string) (int64, error) {
	var total int64
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return 0, openFailed(path, err)
		}
		if !info.Mode().IsRegular() {
			return 0, refuse("", "model %q is not a file", path)
		}
		total += info.Size()
	}
	return total, nil
}

// hasher carries one call of Hash from file to file.
type hasher struct {
	sum         hash.Hash
	done, total int64
	progress    func(done, total int64)
	buf         []byte
}

func (h *hasher) file(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return openFailed(path, err)
	}
	defer file.Close()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(file, h.buf)
		h.add(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return openFailed(path, err)
		}
	}
}

func (h *hasher) add(n int) {
	if n == 0 {
		return
	}
	h.sum.Write(h.buf[:n])
	h.done += int64(n)
	if h.progress != nil {
		h.progress(h.done, h.total)
	}
}
