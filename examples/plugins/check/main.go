// Command check loads a plugin, a .wasm module or a .star script, and runs it through the conformance kit.
//
//	go run ./examples/plugins/check [-vectors FILE] [-symmetric] [-config JSON] PLUGIN
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/hostapi/conformance"
	"github.com/kvasir-cache/kvasir/internal/script"
	"github.com/kvasir-cache/kvasir/internal/wasmhost"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run returns 1 where a check failed or the plugin cannot be loaded, and 2 for a wrong command line.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(stderr)
	vectors := flags.String("vectors", "", "`file` of questions and answers, as JSON lines")
	symmetric := flags.Bool("symmetric", false, "the scorer gives two texts the same score in either order")
	config := flags.String("config", "{}", "the plugin's configuration, as a `JSON` object")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() != 1 {
		fmt.Fprintln(stderr, "check: error: want one plugin, a .wasm or .star file")
		return 2
	}
	report, err := check(flags.Arg(0), *vectors, json.RawMessage(*config), *symmetric)
	if err != nil {
		fmt.Fprintf(stderr, "check: error: %v\n", err)
		return 1
	}
	if _, err := report.WriteTo(stdout); err != nil || !report.OK() {
		return 1
	}
	return 0
}

func check(path, vectors string, config json.RawMessage, symmetric bool) (*conformance.Report, error) {
	o := conformance.Options{Symmetric: symmetric}
	if vectors != "" {
		f, err := os.Open(vectors)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if o.Vectors, err = conformance.ReadVectors(f); err != nil {
			return nil, fmt.Errorf("%s: %w", vectors, err)
		}
	}
	ctx := context.Background()
	runtime, err := wasmhost.Open(ctx, wasmhost.RuntimeOptions{})
	if err != nil {
		return nil, err
	}
	defer runtime.Close()
	o.Again = func() (hostapi.Plugin, error) { return load(ctx, runtime, path, config) }
	p, err := o.Again()
	if err != nil {
		return nil, err
	}
	return conformance.Check(ctx, p, o), nil
}

func load(ctx context.Context, runtime *wasmhost.Runtime, path string, config json.RawMessage) (hostapi.Plugin, error) {
	name := filepath.Base(path)
	if filepath.Ext(path) == ".star" {
		return script.Load(ctx, script.Options{Name: name, Path: path, Config: config})
	}
	return wasmhost.Load(ctx, wasmhost.Options{Runtime: runtime, Name: name, Path: path, Config: config})
}
