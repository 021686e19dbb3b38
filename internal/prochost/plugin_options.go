package prochost

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// PluginOptions of a Plugin.
type PluginOptions struct {
	// Name is what the plugin is called in cache.toml, in errors and in the log. Required.
	Name string
	// Path is the program to start. A name without a slash is looked up in PATH. Required.
	Path string
	Args []string
	// Env is added to this process's environment, as NAME=value; the later of two values counts.
	Env []string
	// Config is given to the plugin at every start: a JSON object. Empty means one without fields.
	Config json.RawMessage
	// Limits are told to the plugin. Nothing holds a native program to them.
	Limits hostapi.Limits

	// Deadline of a normalize or hook call; 0 means 100 ms.
	Deadline time.Duration
	// BatchDeadline of a batch of texts to score or to take features of, and of an explanation; 0 means
	// 1 s.
	BatchDeadline time.Duration
	// Patience is how long a call may go on after its deadline, which its caller does not wait for; then
	// the process is killed. 0 means 10 s.
	Patience time.Duration
	// InitTime is how long a process may take for the handshake, and after that to be ready; 0 means a
	// minute.
	InitTime time.Duration
	// RestartWait is how long a call waits for a process that is being started; 0 means 1 s.
	RestartWait time.Duration
	// Calls is how many calls there may be at once, those included that nobody waits for any more; 0
	// means 16.
	Calls int

	// Logger gets starts, deaths and failed starts, and what the process writes to standard error and
	// standard output: ten lines a second, after the first fifty. Nil discards all.
	Logger *slog.Logger
	// SocketDir is an existing folder in which each process gets a folder of its own for its socket.
	// Unix sockets have short names: at most 65 bytes. Empty means os.TempDir.
	SocketDir string
	// Clock measures health and back-off; nil means the system's.
	Clock Clock
}

// filled returns o with defaults in place of zero values, or every problem with it.
func (o PluginOptions) filled() (PluginOptions, error) {
	fill(&o.Deadline, 100*time.Millisecond)
	fill(&o.BatchDeadline, time.Second)
	fill(&o.Patience, 10*time.Second)
	fill(&o.InitTime, time.Minute)
	fill(&o.RestartWait, time.Second)
	fill(&o.Calls, 16)
	fill(&o.SocketDir, os.TempDir())
	fill(&o.Logger, slog.New(slog.DiscardHandler))
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	if len(o.Config) == 0 {
		o.Config = json.RawMessage("{}")
	}
	o.Logger = o.Logger.With("plugin", o.Name)
	return o, o.problems()
}

// fill sets *option to its default if it is zero.
func fill[T comparable](option *T, value T) {
	var zero T
	if *option == zero {
		*option = value
	}
}

func (o *PluginOptions) problems() error {
	var problems []error
	bad := func(format string, args ...any) {
		message := fmt.Sprintf("plugin %q: ", o.Name) + fmt.Sprintf(format, args...)
		problems = append(problems, &base.Error{Sentinel: base.ErrInvalid, Message: message})
	}
	if o.Name == "" {
		bad("it has no name")
	}
	if o.Path == "" {
		bad("it has no path")
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(o.Config, &object); err != nil || object == nil {
		bad("its config is no JSON object")
	}
	for _, d := range []time.Duration{o.Deadline, o.BatchDeadline, o.Patience, o.InitTime, o.RestartWait} {
		if d < 0 || d > time.Hour {
			bad("a time limit is %v, want 0 to %v", d, time.Hour)
		}
	}
	if o.Calls < 0 {
		bad("it may have %d calls at once, want 1 or more", o.Calls)
	}
	if len(o.SocketDir) > maxSocketDir {
		bad("socket folder %q has %d bytes; a unix socket fits in one of at most %d", o.SocketDir, len(o.SocketDir), maxSocketDir)
	}
	return errors.Join(problems...)
}
