package snapshot

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
)

// Writer writes an export. It is for one goroutine.
type Writer struct {
	out     *bufio.Writer
	line    bytes.Buffer
	encoder *json.Encoder
	entries int
	begun   bool
}

// NewWriter returns a Writer that writes to out.
func NewWriter(out io.Writer) *Writer {
	w := &Writer{out: bufio.NewWriterSize(out, 256<<10)}
	w.encoder = json.NewEncoder(&w.line)
	w.encoder.SetEscapeHTML(false)
	return w
}

// Write writes an entry.
func (w *Writer) Write(r *Record) error {
	if err := w.begin(); err != nil {
		return err
	}
	line, err := w.encode(r)
	if err != nil {
		return err
	}
	w.entries++
	return w.put(appendSum(line))
}

// Entries is how many were written.
func (w *Writer) Entries() int { return w.entries }

// End writes the last line, and what is still held. Without it the file is not whole.
func (w *Writer) End() error {
	if err := w.begin(); err != nil {
		return err
	}
	line, err := w.encode(last{End: true, Entries: w.entries})
	if err == nil {
		err = w.put(line)
	}
	if err != nil {
		return err
	}
	return w.out.Flush()
}

func (w *Writer) begin() error {
	if w.begun {
		return nil
	}
	w.begun = true
	line, err := w.encode(first{Kvasir: kind, Version: Version})
	if err != nil {
		return err
	}
	return w.put(line)
}

// encode returns a value as JSON, valid until the next call.
func (w *Writer) encode(v any) ([]byte, error) {
	w.line.Reset()
	if err := w.encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(w.line.Bytes(), []byte("\n")), nil
}

func (w *Writer) put(line []byte) error {
	if _, err := w.out.Write(line); err != nil {
		return err
	}
	return w.out.WriteByte('\n')
}
