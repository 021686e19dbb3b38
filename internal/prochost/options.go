package prochost

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Options of a Host.
type Options struct {
	// Path is the program to start. A name without a slash is looked up in PATH. Required.
	Path string
	Args []string
	// Env is added to this process's environment, as NAME=value; the later of two values counts.
	Env []string
	// Load says which model the process loads, at the start and at every restart.
	Load base.LoadOptions
	// Progress is told how a load goes, from 0 to 1, at the start and at every restart, from one
	// goroutine at a time. It may be nil.
	Progress func(stage string, done float64)
	// Stderr gets what the process logs, line by line. A slow writer slows the host down. Nil means
	// os.Stderr; to discard the log, set io.Discard.
	Stderr io.Writer
	// Logger gets starts, deaths and failed starts. Nil discards them.
	Logger *slog.Logger
	// SocketDir is an existing folder in which each process gets a folder of its own for its socket.
	// Unix sockets have short names: at most 65 bytes. Empty means os.TempDir.
	SocketDir string
	// Clock measures health, back-off and expiry; nil means the system's.
	Clock Clock
}

// Clock is the time as far as supervision needs it.
type Clock interface {
	Now() time.Time
	// After returns a channel that gets a value once d has passed.
	After(d time.Duration) <-chan time.Time
}

type systemClock struct{}

func (systemClock) Now() time.Time                         { return time.Now() }
func (systemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// maxSocketDir is what a socket's name of at most 103 bytes leaves after the folder and the file
// that go-plugin makes in SocketDir.
const maxSocketDir = 103 - len("/plugin-dir4294967295/plugin4294967295")

// filled returns o with defaults in place of zero values, or every problem with it.
func (o Options) filled() (Options, error) {
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.SocketDir == "" {
		o.SocketDir = os.TempDir()
	}
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	return o, o.problems()
}

func (o *Options) problems() error {
	var problems []error
	bad := func(format string, args ...any) {
		problems = append(problems, &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf(format, args...)})
	}
	if o.Path == "" {
		bad("the inference host has no path")
	}
	if len(o.SocketDir) > maxSocketDir {
		bad("socket folder %q has %d bytes; a unix socket fits in one of at most %d", o.SocketDir, len(o.SocketDir), maxSocketDir)
	}
	return errors.Join(problems...)
}
