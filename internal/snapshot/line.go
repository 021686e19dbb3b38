package snapshot

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// first is the line a file begins with.
type first struct {
	Kvasir  string `json:"kvasir"`
	Version int    `json:"version"`
}

const kind = "export"

// last is the line a file ends with.
type last struct {
	End     bool `json:"end"`
	Entries int  `json:"entries"`
}

// sumMark is what the checksum of a line follows. The checksum is over all bytes before the mark.
const (
	sumMark = `,"crc":"`
	sumSize = len(sumMark) + 8 + len(`"}`)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// summed is a record as a line holds it. Crc is set only where it is not the last field, which it has to be.
type summed struct {
	Record
	Crc *string `json:"crc,omitempty"`
}

// appendSum puts the checksum into a line of JSON, which ends in a brace.
func appendSum(line []byte) []byte {
	body := line[:len(line)-1]
	sum := crc32.Checksum(body, castagnoli)
	return fmt.Appendf(body, `%s%08x"}`, sumMark, sum)
}

// cutSum checks the checksum of a line and returns the line without it. A line that has none is taken: people
// and other programs may write some.
func cutSum(line []byte) ([]byte, error) {
	at := len(line) - sumSize
	if at < 0 || string(line[at:at+len(sumMark)]) != sumMark || !bytes.HasSuffix(line, []byte(`"}`)) {
		return line, nil
	}
	body, digits := line[:at], line[at+len(sumMark):len(line)-2]
	var stated [4]byte
	if _, err := hex.Decode(stated[:], digits); err != nil {
		return nil, errors.New("crc is not 8 hex digits")
	}
	if got := fmt.Sprintf("%08x", crc32.Checksum(body, castagnoli)); got != string(digits) {
		return nil, fmt.Errorf("its bytes are not those that were written: crc is %s, and they say %s", digits, got)
	}
	return append(body[:at:at], '}'), nil
}

// decodeLine reads an entry.
func decodeLine(line []byte) (*Record, error) {
	body, err := cutSum(line)
	if err != nil {
		return nil, err
	}
	var s summed
	if err := strict(body, &s); err != nil {
		return nil, err
	}
	if s.Crc != nil {
		return nil, errors.New("crc is not its last field")
	}
	return &s.Record, s.check()
}

// check refuses a record that no store has.
func (r *Record) check() error {
	switch {
	case r.Model == "":
		return errors.New("model is missing")
	case r.Created.IsZero():
		return errors.New("created is missing")
	case len(r.AnswerBytes) > 0 && r.Answer != "":
		return errors.New("there are both answer and answer_base64")
	case r.FinishReason == "":
		return errors.New("finish_reason is missing")
	}
	return nil
}

// strict decodes one JSON value and takes no unknown field and nothing after it.
func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return cleaned(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("there is something after its last brace")
	}
	return nil
}

// cleaned says in words where JSON is wrong, without what it holds.
func cleaned(err error) error {
	var syntax *json.SyntaxError
	var field *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("no JSON from byte %d on", syntax.Offset)
	case errors.As(err, &field):
		return fmt.Errorf("%s is a %s, which it cannot be", strings.TrimPrefix(field.Field, "Record."), field.Value)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("it ends before its last brace")
	}
	return err
}
