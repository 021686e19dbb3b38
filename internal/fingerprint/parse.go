package fingerprint

import (
	"bytes"
	"fmt"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// ParseCanonical returns a request whose canonical form is encoded and subject, and no other. It
// accepts only what Canonicalize writes; everything else wraps ErrMalformed. The request holds no
// memory of encoded.
func ParseCanonical(encoded []byte, subject string) (*base.Request, error) {
	r, err := parseCanonical(encoded, subject)
	if err != nil {
		return nil, fmt.Errorf("canonical request: %w", err)
	}
	return r, nil
}

func parseCanonical(encoded []byte, subject string) (*base.Request, error) {
	rec, err := decode(encoded)
	if err != nil {
		return nil, err
	}
	r, err := rec.join(subject)
	if err != nil {
		return nil, err
	}
	again, err := Canonicalize(r)
	if err != nil {
		return nil, malformed("%v", err)
	}
	if !bytes.Equal(again.Bytes, encoded) || again.Subject != subject {
		return nil, malformed("another encoding of the same request is the canonical one")
	}
	return r, nil
}

// decode reads the fields. It leaves it to the comparison in parseCanonical to refuse fields that
// contradict each other, and lengths and values that are written longer than they need.
func decode(encoded []byte) (*record, error) {
	if len(encoded) == 0 {
		return nil, malformed("it is empty")
	}
	if encoded[0] != canonicalVersion {
		return nil, malformed("it is of version %d, and this program reads version %d", encoded[0], canonicalVersion)
	}
	rec := &record{}
	next := 0 // index of the first field that may still come
	for rest := encoded[1:]; len(rest) > 0; {
		tag := rest[0]
		value, after, err := cut(rest[1:])
		if err != nil {
			return nil, fmt.Errorf("field %d: %w", tag, err)
		}
		if next, err = takeField(rec, next, tag, value); err != nil {
			return nil, err
		}
		rest = after
	}
	return rec, nil
}

// takeField reads a field and returns the index of the field behind it.
func takeField(rec *record, next int, tag byte, value []byte) (int, error) {
	for i := next; i < len(fields); i++ {
		if f := &fields[i]; f.tag == tag {
			if err := f.take(rec, value); err != nil {
				return 0, fmt.Errorf("field %d (%s): %w", tag, f.name, err)
			}
			return i + 1, nil
		}
	}
	return 0, malformed("field %d is unknown or not in its place", tag)
}
