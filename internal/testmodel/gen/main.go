// Command gen writes a model with random weights, for measurements by hand:
//
//	go run ./internal/testmodel/gen -shape smollm2-135m -type q8_0 -o smol.gguf
//
// It exits with 2 when the command line is wrong and 1 when the file cannot be written.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/kvasir-cache/kvasir/internal/testmodel"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// Exit codes.
const (
	exitOK = iota
	exitFailure
	exitUsage
)

func run(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("gen", flag.ContinueOnError)
	flags.SetOutput(stderr)
	shapeName := flags.String("shape", "", "`NAME` of the shape: smollm2-135m, wide-512, tiny, tiny-window, tiny-recurrent, tiny-hybrid or tiny-vision")
	typeName := flags.String("type", "f16", "`TYPE` of the weights: f32, f16, q8_0 or q4_k")
	out := flags.String("o", "", "`FILE` to write")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return exitOK
	} else if err != nil {
		return exitUsage // flags said why
	}
	shape, errShape := testmodel.ParseShape(*shapeName)
	kind, errType := testmodel.ParseType(*typeName)
	if err := errors.Join(errShape, errType); err != nil {
		return usage(stderr, err)
	}
	if *out == "" || flags.NArg() > 0 {
		return usage(stderr, errors.New("name the file with -o and give no other arguments"))
	}
	if err := testmodel.Write(*out, shape, kind); err != nil {
		fmt.Fprintln(stderr, "gen: error:", err)
		return exitFailure
	}
	return exitOK
}

func usage(stderr io.Writer, err error) int {
	fmt.Fprintln(stderr, "gen: error:", err)
	fmt.Fprintln(stderr, "gen: hint: gen -shape tiny -type f16 -o FILE")
	return exitUsage
}
