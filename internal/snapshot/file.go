package snapshot

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Sum says what a file held, and when it was written.
type Sum struct {
	SHA256   [32]byte
	Size     int64
	Modified time.Time
}

// WriteFile makes a file of mode 0600 of what write writes: whole, or as it was before. It returns after file
// and folder are synced.
func WriteFile(path string, write func(io.Writer) error) (sum Sum, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return sum, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return sum, err
	}
	digest := &counted{hash: sha256.New()}
	err = write(io.MultiWriter(file, digest))
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return sum, err
	}
	digest.hash.Sum(sum.SHA256[:0])
	sum.Size = digest.size
	if info, err := os.Stat(path); err == nil {
		sum.Modified = info.ModTime()
	}
	return sum, syncFolder(filepath.Dir(path))
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
	info, err := file.Stat()
	if err != nil {
		return sum, err
	}
	digest := sha256.New()
	if sum.Size, err = io.Copy(digest, file); err != nil {
		return sum, err
	}
	digest.Sum(sum.SHA256[:0])
	sum.Modified = info.ModTime()
	return sum, nil
}

// Unchanged reports whether a file is the one of a sum. Where size and time are, it does not read it.
func (s *Sum) Unchanged(path string) (bool, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return false, err
	case info.Size() != s.Size:
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
