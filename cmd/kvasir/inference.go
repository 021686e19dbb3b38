package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/prochost"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

func addHostFlag(flags *pflag.FlagSet, path *string) {
	flags.StringVar(path, "host", "", "inference host `program`; default $"+setup.HostEnv+", then "+setup.HostName+" beside kvasir, then on the PATH")
}

// inference is how commands start the inference host: with progress on a terminal, and with its log where
// verbose.
type inference struct {
	load    base.LoadOptions
	program string // the flag's
	config  *config.Config
	stderr  io.Writer
	verbose bool
}

func (i inference) start(ctx context.Context) (setup.Host, error) {
	if i.config.Host.Kind == config.HostOpenAI {
		return setup.OpenUpstream(i.config, i.note)
	}
	program, err := setup.FindHost(i.program, i.config.Host.Program)
	if err != nil {
		return nil, err
	}
	log := io.Discard
	if i.verbose {
		log = i.stderr
	}
	line := newProgressLine(i.stderr)
	defer line.clear()
	host, err := prochost.Open(ctx, prochost.Options{Path: program, Load: i.load, Progress: line.show, Stderr: log})
	if err != nil {
		return nil, err // not a nil *prochost.Host in an interface
	}
	return host, nil
}

// options are those of the model behind the cache.
func (i inference) options() setup.ModelOptions {
	return setup.ModelOptions{Load: i.load, ID: i.id(), Start: i.start, Logger: newLogger(i.stderr, i.verbose), Note: i.note}
}

// id is that of a model that is no file here, else nil.
func (i inference) id() *engine.ModelID {
	if i.config.Host.Kind != config.HostOpenAI {
		return nil
	}
	id := setup.UpstreamID(&i.config.Upstream)
	return &id
}

func (i inference) note(format string, args ...any) {
	fmt.Fprintf(i.stderr, "kvasir: note: "+format+"\n", args...)
}

// fill returns what to load: the model that comes with kvasir if none is named, and no file where an upstream has it.
func fill(c *config.Config) (base.LoadOptions, error) {
	load := c.Host.LoadOptions()
	if load.Model != "" || c.Host.Kind == config.HostOpenAI {
		return load, nil
	}
	var err error
	load.Model, err = setup.ShippedModel()
	return load, err
}

// needLlama refuses an upstream where a command is about llama.cpp.
func needLlama(c *config.Config) error {
	if c.Host.Kind != config.HostOpenAI {
		return nil
	}
	return &base.Error{Sentinel: base.ErrUnsupported, Message: "the model is behind an upstream, which keeps its state to itself",
		Hint: `this command is for [host] kind = "llama"`}
}
