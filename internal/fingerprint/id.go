package fingerprint

import (
	"encoding/hex"
	"fmt"
)

// ID is a SHA-256 hash or HMAC made by this package: an identity, a namespace or a key. The label
// it was made with keeps the kinds apart.
type ID [32]byte

// String returns the 64 lower-case hex digits of id.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads what ID.String wrote, and nothing else.
func ParseID(s string) (ID, error) {
	var id ID
	if !isHex(s, len(id)) {
		return ID{}, fmt.Errorf("id %q: %w: an id is %d lower-case hex digits", clip(s), ErrMalformed, 2*len(id))
	}
	_, err := hex.Decode(id[:], []byte(s))
	return id, err
}

// MarshalText implements encoding.TextMarshaler.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler with ParseID.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	if err == nil {
		*id = parsed
	}
	return err
}

// isHex reports whether s is n bytes in lower-case hex digits.
func isHex(s string, n int) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) == 2*n
}

// clip shortens text from outside for an error message.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
