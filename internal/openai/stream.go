package openai

import (
	"bytes"
	"encoding/json"
	"io"
)

// Stream writes server-sent events. It belongs to one goroutine at a time.
type Stream struct {
	w      io.Writer
	buffer bytes.Buffer
}

// NewStream returns a stream to w. Each event is one Write.
func NewStream(w io.Writer) *Stream { return &Stream{w: w} }

// Send writes a value as an event.
func (s *Stream) Send(v any) error {
	s.buffer.Reset()
	s.buffer.WriteString("data: ")
	if err := encode(&s.buffer, v); err != nil { // ends in a line break
		return err
	}
	s.buffer.WriteByte('\n')
	_, err := s.w.Write(s.buffer.Bytes())
	return err
}

// Done writes the event that ends a stream which is whole. A stream that broke off has none.
func (s *Stream) Done() error { return s.write("data: [DONE]\n\n") }

// Wait writes a comment, so that whoever is between does not take the stream for dead.
func (s *Stream) Wait() error { return s.write(": wait\n\n") }

func (s *Stream) write(text string) error {
	_, err := io.WriteString(s.w, text)
	return err
}

// Encode returns a value as JSON as clients get it: < and > are not escaped.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	err := encode(&b, v)
	return b.Bytes(), err
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
