package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/snapshot"
)

// writeOut makes a file of what write writes: whole, or as it was before. It follows a symbolic link, so that
// the link stays, and writes into what is no regular file, such as a pipe or a device, instead of putting a
// file in its place. It returns how many bytes were written.
func writeOut(path string, write func(io.Writer) error) (int64, error) {
	target, info, err := outTarget(path)
	switch {
	case err != nil:
		return 0, err
	case info != nil && !info.Mode().IsRegular():
		return writeInto(target, write)
	}
	sum, err := snapshot.WriteFile(target, write)
	return sum.Size, err
}

// outTarget is where a path leads, and what is there; nil is nothing.
func outTarget(path string) (string, fs.FileInfo, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return "", nil, &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("%q is a folder", path), Hint: "name a file, or - for standard output"}
	case err == nil:
		target, err := filepath.EvalSymlinks(path)
		return target, info, err
	case !errors.Is(err, fs.ErrNotExist):
		return "", nil, err
	}
	if link, err := os.Readlink(path); err == nil { // to nothing yet
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(path), link)
		}
		return link, nil, nil
	}
	return path, nil, nil
}

// writeInto writes to what is there already.
func writeInto(path string, write func(io.Writer) error) (n int64, err error) {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	counted := &countingWriter{w: file}
	err = errors.Join(write(counted), file.Close())
	return counted.n, err
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
