package testmodel

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kvasir-cache/kvasir/internal/cachedir"
	"github.com/kvasir-cache/kvasir/internal/gguf"
)

// Write makes a model and puts it at path, replacing what is there in one step. It makes no
// folders. A shape whose rows do not divide into blocks of the type is refused.
func Write(path string, s Shape, t Type) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+s.Name+"-*.tmp")
	if err != nil {
		return err
	}
	err = WriteTo(tmp, s, t)
	if err == nil {
		err = tmp.Sync()
	}
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Chmod(tmp.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}

// WriteTo makes a model and writes it, piece by piece, to w.
func WriteTo(w io.Writer, s Shape, t Type) error {
	spec, err := t.spec()
	if err != nil {
		return err
	}
	if err := s.check(t); err != nil {
		return err
	}
	var file gguf.Writer
	if err := addMetadata(&file, s, t, spec.fileType); err != nil {
		return fmt.Errorf("shape %q: %w", s.Name, err)
	}
	addTensors(&file, s, spec)
	_, err = file.WriteTo(w)
	return err
}

// Cached returns the path of a model in the cache folder, making the model if it is not there. The
// folder is testmodels in the cache folder (package cachedir). Processes
// that call it at once may make the same model twice; each gets a whole file.
func Cached(s Shape, t Type) (string, error) {
	dir, err := cachedir.Path("testmodels")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, cacheName(s, t))
	if _, err := gguf.Open(path); err == nil { // whole: the header is right and all data is there
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return path, Write(path, s, t)
}

// cacheName depends on everything that decides the bytes of the file.
func cacheName(s Shape, t Type) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %+v %s", version, s, t))
	return fmt.Sprintf("%s-%s-v%d-%s.gguf", s.Name, t, version, hex.EncodeToString(sum[:4]))
}
