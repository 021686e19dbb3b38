package prochost

import (
	"regexp"
	"strings"
	"sync"
)

// Limits on what is kept of a log.
const (
	maxLines = 64
	maxLine  = 512 // bytes
)

// lastWords keeps the last lines of a process's log, up to the stack traces of a Go crash.
type lastWords struct {
	mu struct {
		sync.Mutex
		lines   []string
		partial []byte // the beginning of a line, at most maxLine bytes
		crashed bool   // a stack trace follows; nothing is kept any more
	}
}

// write takes a piece of the log.
func (w *lastWords) write(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range b {
		if c == '\n' {
			w.endLineLocked()
		} else if len(w.mu.partial) < maxLine {
			w.mu.partial = append(w.mu.partial, c)
		}
	}
}

// traceStart is the first line of a Go stack trace.
var traceStart = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^goroutine \d+ .*\[.*\]:`) })

func (w *lastWords) endLineLocked() {
	line := strings.TrimSpace(strings.ToValidUTF8(string(w.mu.partial), "\uFFFD"))
	w.mu.partial = w.mu.partial[:0]
	w.mu.crashed = w.mu.crashed || traceStart().MatchString(line)
	if line == "" || w.mu.crashed {
		return
	}
	if len(w.mu.lines) == maxLines {
		w.mu.lines = w.mu.lines[1:]
	}
	w.mu.lines = append(w.mu.lines, line)
}

// causes finds the lines in which a process says why it is about to die, in the order in which they are believed.
// An abort says why before.
var causes = sync.OnceValue(func() []*regexp.Regexp {
	return []*regexp.Regexp{
		regexp.MustCompile(`^(?:\S*/)?(\S+\.(?:c|cc|cpp|cxx|h|hpp|m|mm|cu):\d+: .+)`), // ggml.c:42: GGML_ASSERT(x) failed
		regexp.MustCompile(`^what\(\):\s*(.+)`),                                       // a C++ exception
		regexp.MustCompile(`^((?:panic|fatal error|runtime): .+)`),                    // a Go panic
		regexp.MustCompile(`^(SIG(?:SEGV|BUS|FPE|ILL): .+)`),                          // a signal that C code caused
	}
})

// cause returns the last line that says why the process died, or "".
func (w *lastWords) cause() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.mu.lines) - 1; i >= 0; i-- {
		for _, pattern := range causes() {
			if m := pattern.FindStringSubmatch(w.mu.lines[i]); m != nil {
				return m[1]
			}
		}
	}
	return ""
}

// causeOrLast returns the cause, or else the last line that was written.
func (w *lastWords) causeOrLast() string {
	if cause := w.cause(); cause != "" {
		return cause
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.mu.lines) == 0 {
		return strings.ToValidUTF8(string(w.mu.partial), "\uFFFD")
	}
	return w.mu.lines[len(w.mu.lines)-1]
}
