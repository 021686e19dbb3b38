package blob

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kvasir-cache/kvasir/internal/base"
)

const (
	secretName  = "secret"
	secretFirst = "kvasir secret 1\n"
	secretLast  = "\nend\n"
)

// OpenSecret reads the file "secret" in the folder dir of a store, which exists, or makes it from random. The
// caller holds the store's lock. A file that others may read, that ends early or that holds anything else is an
// error that says what; nothing is mended, since a new secret would make all chunks there are useless.
func OpenSecret(dir string, random io.Reader) (secret [32]byte, err error) {
	path := filepath.Join(dir, secretName)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return makeSecret(path, random)
	case err != nil:
		return secret, fmt.Errorf("secret: %w", err)
	case !info.Mode().IsRegular():
		return secret, fmt.Errorf("secret: %q is not a file", path)
	case info.Mode().Perm()&0o077 != 0:
		return secret, &base.Error{Sentinel: fs.ErrPermission,
			Message: fmt.Sprintf("secret %q has mode %04o; nobody but its owner may have access", path, info.Mode().Perm()),
			Hint:    "chmod 600 " + path}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return secret, fmt.Errorf("secret: %w", err)
	}
	return parseSecret(path, string(content))
}

func parseSecret(path, content string) (secret [32]byte, err error) {
	digits, first := strings.CutPrefix(content, secretFirst)
	digits, last := strings.CutSuffix(digits, secretLast)
	_, err = hex.Decode(secret[:], []byte(digits)[:min(len(digits), 2*len(secret))])
	if !first || !last || err != nil || len(digits) != 2*len(secret) || digits != strings.ToLower(digits) {
		return [32]byte{}, &base.Error{Sentinel: ErrDamaged,
			Message: fmt.Sprintf("secret %q is not as it was written", path),
			Hint:    "remove it; a new one is made, and the state saved until now is computed again"}
	}
	return secret, nil
}

func makeSecret(path string, random io.Reader) (secret [32]byte, err error) {
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return secret, fmt.Errorf("secret: %w", err)
	}
	sweepSecret(path)
	file, err := os.CreateTemp(filepath.Dir(path), secretName+".new-*") // mode 0600
	if err != nil {
		return secret, fmt.Errorf("secret: %w", err)
	}
	_, err = file.WriteString(secretFirst + hex.EncodeToString(secret[:]) + secretLast)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return [32]byte{}, fmt.Errorf("secret: %w", err)
	}
	return secret, nil
}

// sweepSecret removes what a process left that was killed while it made a secret.
func sweepSecret(path string) {
	left, _ := filepath.Glob(path + ".new-*")
	for _, name := range left {
		_ = os.Remove(name)
	}
}

// RemoveSecret removes the file "secret" in dir, when no chunk file needs it any more.
func RemoveSecret(dir string) error {
	path := filepath.Join(dir, secretName)
	sweepSecret(path)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("secret: %w", err)
	}
	return nil
}
