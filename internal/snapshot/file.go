package snapshot

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Sum says what a file held, and when it was written.
type Sum struct {
	SHA256   [32]byte
	Size     int64
	Modified time.Time
}

// None reports whether it is the sum of no file, which says that one was not read to its end.
func (s *Sum) None() bool { return s.SHA256 == [32]byte{} }

// WriteFile makes a file of mode 0600 of what write writes: whole, or as it was before. It returns after file
// and folder are synced. What a process has left that was killed while it wrote the same file is removed.
func WriteFile(path string, write func(io.Writer) error) (sum Sum, err error) {
	return WriteFileNoting(path, write, func(Sum) error { return nil })
}

// WriteFileNoting is WriteFile, and calls note with the sum just before the file is there under its name.
func WriteFileNoting(path string, write func(io.Writer) error, note func(Sum) error) (sum Sum, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return sum, err
	}
	removeLeft(path)
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+newSuffix+"*") // mode 0600
	if err != nil {
		return sum, err
	}
	digest := &counted{hash: sha256.New()}
	err = write(io.MultiWriter(file, digest))
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		sum, err = digest.sum(file)
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = note(sum)
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return sum, err
	}
	return sum, syncFolder(filepath.Dir(path))
}

// newSuffix is what a file on its way has behind its name, before a number.
const newSuffix = ".new-"

// leftAfter is how long nobody writes to a file on its way before it counts as left behind.
const leftAfter = time.Hour

func removeLeft(path string) {
	entries, _ := os.ReadDir(filepath.Dir(path)) // what cannot be removed does no harm
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), filepath.Base(path)+newSuffix) || !e.Type().IsRegular() {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > leftAfter {
			_ = os.Remove(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// SumFile reads a file and returns its sum.
func SumFile(path string) (sum Sum, err error) {
	file, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer file.Close()
	return NewSummed(file).Sum()
}

// Summed sums a file while it is read. It is for one goroutine.
type Summed struct {
	file     *os.File
	digest   counted
	modified time.Time // before the first byte was read
	err      error
}

// NewSummed returns a reader of a file, from its beginning on.
func NewSummed(file *os.File) *Summed {
	s := &Summed{file: file, digest: counted{hash: sha256.New()}}
	info, err := file.Stat()
	if s.err = err; err == nil {
		s.modified = info.ModTime()
	}
	return s
}

// Read reads the file.
func (s *Summed) Read(p []byte) (int, error) {
	n, err := s.file.Read(p)
	_, _ = s.digest.Write(p[:n])
	return n, err
}

// Sum reads what is left, and returns the sum of all.
func (s *Summed) Sum() (sum Sum, err error) {
	if _, err := io.Copy(io.Discard, s); err != nil {
		return sum, err
	}
	if s.err != nil {
		return sum, s.err
	}
	sum, err = s.digest.sum(s.file)
	sum.Modified = s.modified
	return sum, err
}

// Unchanged reports whether a file is the one of a sum. Where size and time are, it does not read it.
func (s *Sum) Unchanged(path string) (bool, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return false, err
	case info.Size() != s.Size, s.None():
		return false, nil
	case info.ModTime().Equal(s.Modified):
		return true, nil
	}
	now, err := SumFile(path)
	return err == nil && now.SHA256 == s.SHA256, err
}

type counted struct {
	hash hash.Hash
	size int64
}

func (c *counted) Write(p []byte) (int, error) {
	c.size += int64(len(p))
	return c.hash.Write(p)
}

// sum returns the sum of what was written, and when the file was.
func (c *counted) sum(file *os.File) (sum Sum, err error) {
	info, err := file.Stat()
	if err != nil {
		return sum, err
	}
	c.hash.Sum(sum.SHA256[:0])
	sum.Size, sum.Modified = c.size, info.ModTime()
	return sum, nil
}
