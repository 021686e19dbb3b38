package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// Key is a user's key: 32 random bytes. It prints as a placeholder, as salts do.
type Key struct{ secret [KeySize]byte }

const redacted = "[key]"

// Format implements fmt.Formatter.
func (Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue implements slog.LogValuer.
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Name tells keys apart, and says nothing else of them.
func (k *Key) Name() string {
	name := derive(k.secret[:], "kvasir key name 1")
	return hex.EncodeToString(name[:4])
}

// ErrNoKey marks a key that is not where it should be, or is none.
var ErrNoKey = errors.New("there is no key")

const howToMake = "(umask 077; openssl rand -hex 32 > FILE) makes a key; keep a copy of it elsewhere"

// ParseKey reads a key of 64 hex digits or of 44 characters of base64, with space around it. Its errors say nothing
// of what was in its place.
func ParseKey(text string) (*Key, error) {
	text = strings.TrimSpace(text)
	secret, err := hex.DecodeString(text)
	if err != nil || len(secret) != KeySize {
		secret, err = base64.StdEncoding.Strict().DecodeString(text)
	}
	if err != nil || len(secret) != KeySize {
		return nil, fmt.Errorf("%d characters, which are neither 64 hex digits nor 32 bytes in base64", len(text))
	}
	k := &Key{[KeySize]byte(secret)}
	if k.secret == ([KeySize]byte{}) {
		return nil, errors.New("nothing but zeros")
	}
	return k, nil
}

// maxKeyFile bounds what is read of a file that should hold a key.
const maxKeyFile = 4096

// KeyFromFile reads the key in a file that nobody but its owner may read.
func KeyFromFile(path string) (*Key, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, noKey(err, howToMake, "key file: %v", err)
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, noKey(err, "", "key file: %v", err)
	case !info.Mode().IsRegular():
		return nil, noKey(nil, howToMake, "key file %q is not a file", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, noKey(fs.ErrPermission, "chmod 600 "+path,
			"key file %q has mode %04o; nobody but its owner may have access", path, info.Mode().Perm())
	}
	content, err := io.ReadAll(io.LimitReader(file, maxKeyFile))
	if err != nil {
		return nil, noKey(err, "", "key file: %v", err)
	}
	k, err := ParseKey(string(content))
	if err != nil {
		return nil, noKey(err, howToMake, "key file %q holds %v", path, err)
	}
	return k, nil
}

var environment struct {
	sync.Mutex
	keys map[string]*Key // that were taken out of it
}

// KeyFromEnvironment reads the key in an environment variable, and takes it out of the environment, so that the
// programs this process starts do not get it. Asked again, it remembers.
func KeyFromEnvironment(name string) (*Key, error) {
	environment.Lock()
	defer environment.Unlock()
	text, found := os.LookupEnv(name)
	if !found {
		if k := environment.keys[name]; k != nil {
			return k, nil
		}
		return nil, noKey(nil, howToMake+`; then export `+name+`="$(cat FILE)"`, "environment variable %s, which should hold the key, is not set", name)
	}
	k, err := ParseKey(text)
	if err != nil {
		return nil, noKey(err, howToMake, "environment variable %s holds %v", name, err)
	}
	if environment.keys == nil {
		environment.keys = map[string]*Key{}
	}
	environment.keys[name] = k
	return k, os.Unsetenv(name)
}

func noKey(cause error, hint, format string, args ...any) error {
	return &base.Error{Sentinel: errors.Join(ErrNoKey, cause), Message: fmt.Sprintf(format, args...), Hint: hint}
}

// derive makes a key for one purpose out of another by HKDF-SHA256.
func derive(secret []byte, purpose string) (key [KeySize]byte) {
	made, err := hkdf.Key(sha256.New, secret, nil, purpose, KeySize)
	if err != nil {
		panic("seal: " + err.Error()) // only for keys of more than 8,160 bytes
	}
	copy(key[:], made)
	return key
}
