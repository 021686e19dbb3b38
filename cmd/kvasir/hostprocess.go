package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/prochost"
)

// hostEnv names the inference host where the flag does not.
const hostEnv = "KVASIR_LLAMA"

const hostName = "kvasir-llama"

func addHostFlag(flags *pflag.FlagSet, path *string) {
	flags.StringVar(path, "host", "", "inference host `program`; default $"+hostEnv+", then "+hostName+" beside kvasir, then on the PATH")
}

// findHost returns the path of the inference host to start.
func findHost(flag string) (string, error) {
	for _, named := range []string{flag, os.Getenv(hostEnv)} {
		if named == "" {
			continue
		}
		path, err := exec.LookPath(named)
		if err != nil {
			return "", &base.Error{Sentinel: base.ErrUnavailable, Message: fmt.Sprintf("inference host %q: %v", named, errors.Unwrap(err))}
		}
		return filepath.Abs(path)
	}
	if self, err := os.Executable(); err == nil {
		if path, err := exec.LookPath(filepath.Join(filepath.Dir(self), hostName)); err == nil {
			return path, nil
		}
	}
	if path, err := exec.LookPath(hostName); err == nil {
		return path, nil
	}
	return "", &base.Error{Sentinel: base.ErrUnavailable, Message: "the inference host kvasir-llama was not found beside kvasir or on the PATH",
		Hint: "make build puts both into bin/; --host PATH or " + hostEnv + "=PATH names another place"}
}

// openHost starts the inference host and loads the model, with progress on a terminal.
func openHost(ctx context.Context, path string, o base.LoadOptions, stderr io.Writer, verbose bool) (*prochost.Host, error) {
	program, err := findHost(path)
	if err != nil {
		return nil, err
	}
	log := io.Discard
	if verbose {
		log = stderr
	}
	line := newProgressLine(stderr)
	defer line.clear()
	return prochost.Open(ctx, prochost.Options{Path: program, Load: o, Progress: line.show, Stderr: log})
}

// progressLine shows one changing line on a terminal, and nothing elsewhere.
type progressLine struct {
	w     io.Writer
	shown bool
}

func newProgressLine(w io.Writer) *progressLine {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &progressLine{w: w}
	}
	return &progressLine{}
}

func (p *progressLine) show(stage string, done float64) {
	if p.w != nil {
		fmt.Fprintf(p.w, "\r\033[K%s the model, %.0f %%", stage, done*100)
		p.shown = true
	}
}

func (p *progressLine) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\033[K")
	}
}
