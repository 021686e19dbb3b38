package pack

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Fingerprint is what people compare of a public key.
func Fingerprint(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:8])
}

// MakeKeys makes a pair of keys: the private one in the file path, mode 0600, and the public one in path.pub. It
// writes over nothing.
func MakeKeys(path string) (ed25519.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	open, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	if err := writeKey(path, "PRIVATE KEY", secret, 0o600); err != nil {
		return nil, err
	}
	if err := writeKey(path+".pub", "PUBLIC KEY", open, 0o644); err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	return public, nil
}

func writeKey(path, kind string, key []byte, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return &base.Error{Sentinel: err, Message: err.Error(), Hint: "keys are not written over: name another file, or move this one away"}
	}
	if err != nil {
		return err
	}
	err = pem.Encode(file, &pem.Block{Type: kind, Bytes: key})
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// PrivateKey reads a private key, which nobody else may be able to read: PEM with PKCS #8, as MakeKeys and
// openssl genpkey -algorithm ed25519 write it.
func PrivateKey(path string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unread(err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, &base.Error{Sentinel: fs.ErrPermission,
			Message: fmt.Sprintf("key %q has mode %04o; nobody but its owner may have access", path, info.Mode().Perm()), Hint: "chmod 600 " + path}
	}
	block, err := readPEM(path, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(block)
	private, ok := key.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, noKey(path, "private")
	}
	return private, nil
}

// PublicKey reads a public key: PEM with PKIX.
func PublicKey(path string) (ed25519.PublicKey, error) {
	block, err := readPEM(path, "PUBLIC KEY")
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKIXPublicKey(block)
	public, ok := key.(ed25519.PublicKey)
	if err != nil || !ok {
		return nil, noKey(path, "public")
	}
	return public, nil
}

// unread is the failure to read the file of a key.
func unread(err error) error {
	return &base.Error{Sentinel: err, Message: fmt.Sprintf("key: %v", err), Hint: "kvasir pack-key FILE makes a private key in FILE and a public one in FILE.pub"}
}

func readPEM(path, kind string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, unread(err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("%q holds no %s in PEM", path, kind),
			Hint: "kvasir pack-key FILE makes a private key in FILE and a public one in FILE.pub"}
	}
	return block.Bytes, nil
}

func noKey(path, which string) error {
	return &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("%q holds no %s key of Ed25519", path, which),
		Hint: "kvasir pack-key FILE makes a private key in FILE and a public one in FILE.pub"}
}
