package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/pflag"

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
	return setup.ModelOptions{
		Load: i.load, Start: i.start, Logger: newLogger(i.stderr, i.verbose),
		Note: func(format string, args ...any) { fmt.Fprintf(i.stderr, "kvasir: note: "+format+"\n", args...) },
	}
}

// fill gives a load the model that comes with kvasir if it names none.
func fill(load base.LoadOptions) (base.LoadOptions, error) {
	var err error
	if load.Model == "" {
		load.Model, err = setup.ShippedModel()
	}
	return load, err
}
