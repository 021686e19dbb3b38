package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// minToken is how long a token has to be, in bytes.
const minToken = 16

// Token reads the token of the admin listener from a file that only its owner may read. If the file is not
// there it is made, with its folder, and made is true.
func Token(path string) (token string, made bool, err error) {
	token, err = readToken(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return token, false, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", false, fmt.Errorf("admin token: %w", err)
	}
	token, err = makeToken(path)
	if errors.Is(err, fs.ErrExist) { // another process was faster
		token, err = readToken(path)
		return token, false, err
	}
	return token, err == nil, err
}

func readToken(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("admin token: %w", err)
	}
	if mode := info.Mode(); !mode.IsRegular() || mode.Perm()&0o077 != 0 {
		return "", &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("admin token: others than its owner may use %q", path),
			Hint: "chmod 600 the file, or remove it, and a new token is made"}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("admin token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if len(token) < minToken || strings.ContainsAny(token, " \t\r\n") {
		return "", &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("admin token: %q holds none of at least %d characters", path, minToken),
			Hint: "remove the file, and a new token is made"}
	}
	return token, nil
}

// makeToken writes a new token beside its place and links it there, so that nobody reads half of it.
func makeToken(path string) (string, error) {
	token := rand.Text() + rand.Text()
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-") // of mode 0600
	if err != nil {
		return "", fmt.Errorf("admin token: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(token + "\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Link(file.Name(), path)
	}
	if err != nil {
		return "", fmt.Errorf("admin token: %w", err)
	}
	return token, nil
}
