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

// leftAfter is how long ago a file was written that nobody is writing any more.
const leftAfter = time.Hour

// WriteFile makes a file of mode 0600 of what write writes: whole, or as it was before. It returns after file
// and folder are synced. What writers that were killed left behind more than an hour ago is removed.
func WriteFile(path string, write func(io.Writer) error) (Sum, error) {
	return WriteFileWhen(path, write, func(Sum) error { return nil })
}

// WriteFileWhen is WriteFile that calls ready when all is written and synced, before the file takes its name. An
// error of ready leaves the file as it was before.
func WriteFileWhen(path string, write func(io.Writer) error, ready func(Sum) error) (sum Sum, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return sum, err
	}
	removeLeftovers(path)
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+newMark+"*") // mode 0600
	if err != nil {
		return sum, err
	}
	digest := &counted{hash: sha256.New()}
	err = write(io.MultiWriter(file, digest))
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		sum = digest.sum(file.Name())
		err = ready(sum)
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return Sum{}, err
	}
	return sum, syncFolder(filepath.Dir(path))
}

// newMark is between the name of a file and what is random in that of its successor.
const newMark = ".new-"

// removeLeftovers removes successors of a file whose writers were killed.
func removeLeftovers(path string) {
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return // whoever writes there is told
	}
	for _, f := range files {
		if !strings.HasPrefix(f.Name(), filepath.Base(path)+newMark) || !f.Type().IsRegular() {
			continue
		}
		if info, err := f.Info(); err == nil && time.Since(info.ModTime()) > leftAfter {
			_ = os.Remove(filepath.Join(filepath.Dir(path), f.Name()))
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
	sum = s.digest.sum(s.file.Name())
	sum.Modified = s.modified
	return sum, nil
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

// sum is that of what was written to a file, which keeps its time when it is renamed.
func (c *counted) sum(path string) (sum Sum) {
	c.hash.Sum(sum.SHA256[:0])
	sum.Size = c.size
	if info, err := os.Stat(path); err == nil {
		sum.Modified = info.ModTime()
	}
	return sum
}
