package hostapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// decodeStrict reads one JSON value of at most MaxJSON bytes into v and refuses unknown fields, invalid
// UTF-8 and anything after the value.
func decodeStrict(what string, data []byte, v any) error {
	if len(data) > MaxJSON {
		return fmt.Errorf("%w: %s: %d bytes, at most %d are allowed", ErrOutput, what, len(data), MaxJSON)
	}
	if !utf8.Valid(data) {
		return fmt.Errorf("%w: %s: not valid UTF-8", ErrOutput, what)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: %s: %v", ErrOutput, what, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w: %s: something follows the JSON value", ErrOutput, what)
	}
	return nil
}

// DecodeExplanation reads what kvasir_explain returned.
func DecodeExplanation(data []byte) (*Explanation, error) {
	var e Explanation
	if err := decodeStrict("explanation", data, &e); err != nil {
		return nil, err
	}
	if e.Verdict != "same" && e.Verdict != "different" {
		return nil, fmt.Errorf("%w: explanation: verdict is %q, want same or different", ErrOutput, e.Verdict)
	}
	return &e, nil
}
