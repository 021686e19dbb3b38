package fingerprint

import (
	"encoding/binary"
	"fmt"

	"github.com/kvasir-cache/kvasir/internal/base"
)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// appendText appends the length of s and s.
func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// cut splits off the bytes that follow their length at the beginning of b. They are part of b.
func cut(b []byte) (value, rest []byte, err error) {
	length, n := binary.Uvarint(b)
	if n <= 0 {
		return nil, nil, malformed("a length is not readable")
	}
	if rest = b[n:]; length > uint64(len(rest)) {
		return nil, nil, malformed("%d bytes are announced and %d are left", length, len(rest))
	}
	return rest[:length], rest[length:], nil
}

// takeTexts reads a value that consists of texts after their lengths.
func takeTexts(value []byte) (texts []string, err error) {
	for len(value) > 0 {
		var text []byte
		if text, value, err = cut(value); err != nil {
			return nil, err
		}
		texts = append(texts, string(text))
	}
	return texts, nil
}

// takeWord reads a value of exactly 4 bytes.
func takeWord(value []byte) (uint32, error) {
	if len(value) != 4 {
		return 0, malformed("%d bytes, not 4", len(value))
	}
	return binary.BigEndian.Uint32(value), nil
}

func appendTokens(dst []byte, tokens []base.Token) []byte {
	for _, t := range tokens {
		dst = binary.BigEndian.AppendUint32(dst, uint32(t))
	}
	return dst
}

func parseTokens(subject string) ([]base.Token, error) {
	if len(subject)%4 != 0 {
		return nil, malformed("tokens of %d bytes, which is not a multiple of 4", len(subject))
	}
	tokens := make([]base.Token, len(subject)/4)
	raw := []byte(subject)
	for i := range tokens {
		tokens[i] = base.Token(binary.BigEndian.Uint32(raw[4*i:]))
	}
	return tokens, nil
}
