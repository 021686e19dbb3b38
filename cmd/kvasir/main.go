// Command kvasir answers prompts with a model that runs on the CPU.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Exit codes.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitInterrupted = 130 // 128 + SIGINT, as shells do
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run executes one command line and returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	out := &checkedWriter{w: stdout}
	root := newRoot(streams{in: stdin, out: out, err: stderr})
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil && out.err != nil {
		err = fmt.Errorf("standard output: %w", out.err)
	}
	if err == nil {
		return 0
	}
	return report(stderr, helped(cmd, err))
}

// usageError marks a mistake in the command line itself.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// helped gives a mistake in the command line of a command the hint where its flags are listed.
func helped(cmd *cobra.Command, err error) error {
	if !cmd.HasParent() || !errors.As(err, new(usageError)) || base.Hint(err) != "" {
		return err
	}
	name := strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
	return usageError{&base.Error{Sentinel: err, Message: err.Error(), Hint: fmt.Sprintf("kvasir help %s says how it is used", name)}}
}

// report prints an error with its hint and returns the exit code that goes with it.
func report(w io.Writer, err error) int {
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(w, "kvasir: interrupted")
		return exitInterrupted
	}
	fmt.Fprintf(w, "kvasir: error: %v\n", err)
	hint := base.Hint(err)
	usage := errors.As(err, new(usageError))
	if usage && hint == "" {
		hint = "kvasir help lists the commands; kvasir help COMMAND lists its flags"
	}
	if hint != "" {
		fmt.Fprintf(w, "kvasir: hint: %s\n", hint)
	}
	if usage {
		return exitUsage
	}
	return exitFailure
}
