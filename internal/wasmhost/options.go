package wasmhost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Options say what to load and what it may do.
type Options struct {
	Runtime *Runtime // required
	Name    string   // in errors and log lines; required

	Path   string // file of the module; or
	Module []byte // the module itself, which is not kept
	SHA256 string // hex; the module must have it. Empty means any

	Config   json.RawMessage // an object; empty means {}
	Grants   []hostapi.Grant
	Services Services
	// Limits are the most that the plugin gets, also if its manifest wants more. 0 means DefaultMemory and
	// DefaultSteps.
	Limits hostapi.Limits
	// Instances is how many calls run at a time. 0 means GOMAXPROCS, at least 2 and at most 8.
	Instances int

	Logger *slog.Logger // nil means slog.Default
}

// Services are what the grants let a plugin use. One that is nil cannot be granted. They are called from
// many goroutines.
type Services struct {
	// Tokenize returns the tokens of text. ctx ends with the call.
	Tokenize func(ctx context.Context, text string) ([]int32, error)
	// KV keeps a few small values for the plugin.
	KV KV
	// Now returns the time.
	Now func() time.Time
	// Random fills b.
	Random func(b []byte)
}

// KV is the state that hooks of a plugin share. It decides how much it keeps.
type KV interface {
	// Get returns a value, and whether there is one.
	Get(ctx context.Context, key string) ([]byte, bool)
	// Put stores a copy of value. An empty one deletes the key.
	Put(ctx context.Context, key string, value []byte) error
}

// What a plugin gets where the configuration names no limit. A million steps take about 8 ms on an
// idle machine, so DefaultSteps is about 5 ms.
const (
	DefaultMemory = 64 << 20
	DefaultSteps  = 600_000
)

// minMemory is less than any compiler's output asks for.
const minMemory = 64 << 10

const maxInstances = 64

func (o *Options) withDefaults() Options {
	c := *o
	if len(c.Config) == 0 {
		c.Config = json.RawMessage("{}")
	}
	if c.Limits.MemoryBytes == 0 {
		c.Limits.MemoryBytes = DefaultMemory
	}
	if c.Limits.Steps == 0 {
		c.Limits.Steps = DefaultSteps
	}
	if c.Instances == 0 {
		c.Instances = min(max(runtime.GOMAXPROCS(0), 2), 8)
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// maxSteps is a day of computing. It keeps sums of steps far from overflow.
const maxSteps = 1 << 43

func (o *Options) validate() error {
	var problems []error
	problem := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	var object map[string]json.RawMessage
	problem(o.Runtime == nil, "no runtime is given")
	problem(o.Name == "", "no name is given")
	problem((o.Path == "") == (len(o.Module) == 0), "want either a path or a module")
	problem(json.Unmarshal(o.Config, &object) != nil || object == nil, "the config is no JSON object")
	problem(o.Limits.MemoryBytes < minMemory || o.Limits.MemoryBytes > hostapi.MaxMemory,
		"limit memory_bytes is %d, want %d to %d", o.Limits.MemoryBytes, minMemory, hostapi.MaxMemory)
	problem(o.Limits.Steps > maxSteps, "limit steps is %d, at most %d", o.Limits.Steps, uint64(maxSteps))
	problem(o.Instances < 0 || o.Instances > maxInstances, "instances is %d, want 1 to %d", o.Instances, maxInstances)
	for _, g := range o.Grants {
		problem(!slices.Contains(hostapi.Grants(), g), "grant %q is not known", g)
		problem(o.Services.missing(g), "grant %q cannot be given: this host has nothing behind it", g)
	}
	return errors.Join(problems...)
}

func (s *Services) missing(g hostapi.Grant) bool {
	switch g {
	case hostapi.GrantTokenize:
		return s.Tokenize == nil
	case hostapi.GrantKV:
		return s.KV == nil
	case hostapi.GrantNow:
		return s.Now == nil
	case hostapi.GrantRandom:
		return s.Random == nil
	}
	return false
}
