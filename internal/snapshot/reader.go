package snapshot

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// maxLine bounds a line; a prompt may have 32 MiB, and JSON makes it longer.
const maxLine = 128 << 20 // bytes

// Errors that callers branch on.
var (
	// ErrFormat marks a file that is no export, or one of a newer version.
	ErrFormat = errors.New("no export of kvasir")
	// ErrShort marks a file that ends before its last line, or has other entries than that says.
	ErrShort = errors.New("export is not whole")
)

// LineError is a line that cannot be read.
type LineError struct {
	Line int // from 1 on
	Err  error
}

// Error names the line.
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the cause.
func (e *LineError) Unwrap() error { return e.Err }

// Reader reads an export. It is for one goroutine.
type Reader struct {
	in    *bufio.Reader
	line  int
	bytes int
	lines int // that were to be entries, good or bad
	ended bool
	held  []byte
}

// NewReader reads the first line. An error that wraps ErrFormat means that the rest is no export.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{in: bufio.NewReaderSize(in, 64<<10)}
	line, err := r.next()
	if err != nil && err != io.EOF {
		return nil, err
	}
	var f first
	switch err := strict(line, &f); {
	case err != nil || f.Kvasir != kind || f.Version < 1:
		return nil, &base.Error{Sentinel: ErrFormat, Message: "line 1 is not that of an export of kvasir",
			Hint: hintFor(line)}
	case f.Version > Version:
		return nil, &base.Error{Sentinel: ErrFormat,
			Message: fmt.Sprintf("the export has format version %d; this program knows versions up to %d", f.Version, Version), Hint: "upgrade kvasir"}
	}
	return r, nil
}

// hintFor says what to do with a file that begins with something else than an export.
func hintFor(line []byte) string {
	switch {
	case bytes.HasPrefix(line, []byte("\x1f\x8b")):
		return "it is compressed: gzip -dc FILE | kvasir import -"
	case bytes.HasPrefix(line, []byte("kvasirPK")):
		return "it is a signed pack: kvasir import --pack FILE --key KEY.pub"
	}
	return `kvasir export writes them; they begin with {"kvasir":"export","version":2}`
}

// Bytes is about how long the line was that was read last.
func (r *Reader) Bytes() int { return r.bytes }

// Line is the number of the line that was read last.
func (r *Reader) Line() int { return r.line }

// Next returns the next entry, and io.EOF when all were read and the last line says so. After a *LineError it
// may be called again. An error that wraps ErrShort comes once, at the end.
func (r *Reader) Next() (*Record, error) {
	for {
		if r.ended {
			return nil, io.EOF
		}
		line, err := r.next()
		switch {
		case err == io.EOF && len(line) == 0:
			r.ended = true
			return nil, fmt.Errorf("%w: it ends after line %d, without a last line", ErrShort, r.line)
		case err != nil && err != io.EOF:
			return nil, err
		case len(bytes.TrimSpace(line)) == 0:
			continue
		case bytes.HasPrefix(line, []byte(`{"end":`)):
			return nil, r.end(line)
		}
		r.lines++
		r.bytes = len(line)
		record, err := decodeLine(line)
		if err != nil {
			return nil, &LineError{r.line, err}
		}
		return record, nil
	}
}

// end reads the last line.
func (r *Reader) end(line []byte) error {
	var l last
	if err := strict(line, &l); err != nil {
		return &LineError{r.line, err}
	}
	r.ended = true
	if rest, _ := r.next(); len(bytes.TrimSpace(rest)) > 0 {
		return fmt.Errorf("%w: there is a line %d after the last one", ErrShort, r.line)
	}
	if l.Entries != r.lines {
		return fmt.Errorf("%w: it has %d entries, and its last line says %d", ErrShort, r.lines, l.Entries)
	}
	return io.EOF
}

// next returns the next line without its end, valid until it is called again. At the end of the input it
// returns what is left, and io.EOF.
func (r *Reader) next() ([]byte, error) {
	r.line++
	r.held = r.held[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		if len(r.held)+len(part) > maxLine {
			return nil, r.skip(err)
		}
		if err == nil && len(r.held) == 0 {
			return bytes.TrimRight(part, "\r\n"), nil
		}
		r.held = append(r.held, part...)
		switch {
		case err == nil:
			return bytes.TrimRight(r.held, "\r\n"), nil
		case err == io.EOF && len(r.held) == 0:
			r.line--
			return nil, io.EOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return r.held, err
		}
	}
}

// skip passes over the rest of a line that is too long.
func (r *Reader) skip(err error) error {
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.in.ReadSlice('\n')
	}
	r.lines++
	r.held = nil
	return &LineError{r.line, fmt.Errorf("it has more than %d MiB", maxLine>>20)}
}
