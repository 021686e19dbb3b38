package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Asked is one request of a stream.
type Asked struct {
	Line   int // in the file
	Prompt string
	Group  string // requests of one group share an answer; empty if it is not known
	Kind   string // empty if there is none
}

// ReadStream reads requests in their order, one JSON object a line: prompt, group (a whole number, a text,
// or null where it is not known) and kind, which may be missing. Other fields are ignored.
func ReadStream(r io.Reader) ([]Asked, error) {
	var all []Asked
	err := eachLine(r, func(number int, line []byte) error {
		asked, err := parseAsked(line)
		asked.Line = number
		all = append(all, asked)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("there are no requests")
	}
	return all, nil
}

func parseAsked(line []byte) (a Asked, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return a, fmt.Errorf("it is no JSON object: %w", err)
	}
	if a.Prompt, err = stringField(fields, "prompt"); err != nil {
		return a, err
	}
	if a.Prompt == "" {
		return a, errors.New("prompt is missing or empty")
	}
	if a.Kind, err = stringField(fields, "kind"); err != nil {
		return a, err
	}
	a.Group, err = groupField(fields)
	return a, err
}

func stringField(fields map[string]json.RawMessage, name string) (text string, err error) {
	raw := fields[name]
	if raw == nil {
		return "", nil
	}
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", fmt.Errorf("%s is %s, want a text", name, quoteShort(string(raw)))
	}
	return text, nil
}

// groupField returns the group as it is written, so that 1 and "1" are two.
func groupField(fields map[string]json.RawMessage) (string, error) {
	raw, ok := fields["group"]
	if !ok {
		return "", errors.New("group is missing; write null where it is not known")
	}
	if bytes.Equal(raw, []byte("null")) {
		return "", nil
	}
	if _, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return string(raw), nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", fmt.Errorf("group is %s, want a whole number, a text or null", quoteShort(string(raw)))
	}
	return strconv.Quote(text), nil
}
