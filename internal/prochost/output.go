package prochost

import (
	"bytes"
	"io"
	"os"
	"sync"
)

// firstLine reads a file's first line and discards the rest. go-plugin stops reading at an overlong
// line, and a host that prints on would then block.
type firstLine struct {
	*os.File
	done bool
}

func (f *firstLine) Read(b []byte) (int, error) {
	if f.done {
		_, err := io.Copy(io.Discard, f.File)
		if err == nil {
			err = io.EOF
		}
		return 0, err
	}
	n, err := f.File.Read(b)
	f.done = bytes.IndexByte(b[:n], '\n') >= 0
	return n, err
}

// listener reads a process's log and keeps its last words. It calls end at the end of the log.
type listener struct {
	*os.File
	words *lastWords
	end   func()
}

func (l *listener) Read(b []byte) (int, error) {
	n, err := l.File.Read(b)
	l.words.write(b[:n])
	if err != nil {
		l.end()
		err = io.EOF // the read deadline after the end of the process is an end too
	}
	return n, err
}

// lines passes what is written to it on line by line, so that the streams of one process do not mix
// within a line. A line longer than maxWritten goes on in pieces, and one without an end not at all.
type lines struct {
	to      io.Writer
	partial []byte
}

// maxWritten bounds what is kept of a line until its end comes. In bytes.
const maxWritten = 16 << 10

func (l *lines) Write(b []byte) (int, error) {
	n := len(b)
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			break
		}
		l.pass(append(l.partial, b[:i+1]...))
		b = b[i+1:]
	}
	if l.partial = append(l.partial, b...); len(l.partial) >= maxWritten {
		l.pass(append(l.partial, '\n'))
	}
	return n, nil
}

func (l *lines) pass(line []byte) {
	_, _ = l.to.Write(line)
	l.partial = line[:0]
}

// sink passes a log on until it is closed. go-plugin writes to it from goroutines that it does not
// wait for.
type sink struct {
	mu sync.Mutex
	w  io.Writer // nil after close
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.w != nil {
		_, _ = s.w.Write(b) // a log that cannot be written must not stop the host
	}
	return len(b), nil
}

func (s *sink) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w = nil
}
