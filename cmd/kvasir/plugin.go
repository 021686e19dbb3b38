package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/hostapi/conformance"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

func newPlugin(s streams) *cobra.Command {
	cmd := &cobra.Command{Use: "plugin", Short: "Begin, check or measure a plugin", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command \"plugin %s\"", args[0])
			}
			return cmd.Help()
		}}
	cmd.AddCommand(newPluginNew(s), newPluginCheck(s), newPluginBench(s))
	return cmd
}

// pluginCommand makes a command that works on one plugin: a name in the configuration, or a file.
func pluginCommand(s streams, verb, short, long string, run func(ctx context.Context, l *onePlugin, asJSON bool) error) (*cobra.Command, *onePlugin) {
	l := &onePlugin{streams: s}
	var asJSON bool
	cmd := &cobra.Command{
		Use: verb + " NAME|FILE", Short: short, Long: long,
		Args: func(cmd *cobra.Command, given []string) error {
			if err := cobra.ExactArgs(1)(cmd, given); err != nil {
				return usageError{err}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := l.find(args[0]); err != nil {
				return err
			}
			defer l.close()
			return run(cmd.Context(), l, asJSON)
		},
	}
	cmd.Flags().StringVar(&l.file, "config", "", "configuration `file` (default ./"+config.FileName+" if it is there)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd, l
}

// onePlugin is the plugin that a command is about.
type onePlugin struct {
	streams
	file   string // configuration
	name   string
	about  *config.Plugin
	config *config.Config
	loader *setup.Loader

	starting sync.Mutex
	host     setup.Host // nil until a plugin tokenizes
}

// find looks the plugin up by its name, and takes it for a file if there is none.
func (l *onePlugin) find(given string) error {
	l.loader = setup.NewLoader(newLogger(l.err, false), l.tokens)
	c := config.Default()
	path, found, err := config.Find(l.file)
	if err != nil {
		return err
	}
	if found {
		if c, err = loadConfig(path); err != nil {
			return err
		}
		if err := c.Validate(); err != nil {
			return err
		}
	}
	l.config = c
	if l.name, l.about = given, c.Plugins[given]; l.about != nil {
		return nil
	}
	info, err := os.Stat(given)
	if err != nil || info.IsDir() {
		return &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("%q is neither a plugin of the configuration nor a file", given),
			Hint: "give the name of a table [plugin.NAME], or a file: .wasm, .star, or a program"}
	}
	l.name = strings.TrimSuffix(filepath.Base(given), filepath.Ext(given))
	l.about = &config.Plugin{Path: given}
	if ext := strings.ToLower(filepath.Ext(given)); ext != ".wasm" && ext != ".star" {
		if info.Mode()&0o111 == 0 {
			return &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("%q is no plugin: it ends neither in .wasm nor in .star, and is no program", given),
				Hint: "a source is built first; docs/plugins says how"}
		}
		path, err := filepath.Abs(given)
		if err != nil {
			return err
		}
		l.about = &config.Plugin{Program: path}
	}
	return nil
}

// tokens is what a plugin with that grant calls: the tokenizer of the configuration's model, whose host is
// started for it.
func (l *onePlugin) tokens(ctx context.Context, text string) ([]int32, error) {
	l.starting.Lock()
	defer l.starting.Unlock()
	if l.host == nil {
		load, err := fill(l.config)
		if err != nil {
			return nil, err
		}
		if l.host, err = (inference{load: load, config: l.config, stderr: l.err}).start(context.WithoutCancel(ctx)); err != nil {
			return nil, err
		}
	}
	return l.host.Tokenize(ctx, text, false)
}

func (l *onePlugin) close() {
	l.loader.Close()
	if l.host != nil {
		l.host.Close()
	}
}

func (l *onePlugin) load(ctx context.Context) (hostapi.Plugin, error) {
	return l.loader.Load(ctx, l.name, l.about)
}

// errPlugin ends a check that found something; the report has said what.
var errPlugin = errors.New("the plugin breaks the contract")

// checkOutput is what kvasir plugin check --json prints.
type checkOutput struct {
	Plugin   string               `json:"plugin"`
	Manifest *hostapi.Manifest    `json:"manifest"`
	OK       bool                 `json:"ok"`
	Results  []conformance.Result `json:"results"`
}

func newPluginCheck(s streams) *cobra.Command {
	var vectors string
	var symmetric bool
	cmd, _ := pluginCommand(s, "check", "Load a plugin and hold it to the contract",
		`Check loads a plugin as the cache would, prints what it says of itself, and runs the conformance kit
over it. It takes the name of a table [plugin.NAME] in cache.toml with its limits, grants and config, or a
file: a WebAssembly module, a Starlark script (.star) or a program.`,
		func(ctx context.Context, l *onePlugin, asJSON bool) error {
			return l.check(ctx, vectors, symmetric, asJSON)
		})
	cmd.Flags().StringVar(&vectors, "vectors", "", "`file` of questions and the answers wanted, as JSON lines")
	cmd.Flags().BoolVar(&symmetric, "symmetric", false, "the scorer gives two texts the same score in either order")
	return cmd
}

func (l *onePlugin) check(ctx context.Context, vectors string, symmetric, asJSON bool) error {
	o := conformance.Options{Symmetric: symmetric, Again: func() (hostapi.Plugin, error) { return l.load(ctx) }}
	if vectors != "" {
		f, err := os.Open(vectors)
		if err != nil {
			return err
		}
		defer f.Close()
		if o.Vectors, err = conformance.ReadVectors(f); err != nil {
			return fmt.Errorf("%s: %w", vectors, err)
		}
	}
	p, err := l.load(ctx)
	if err != nil {
		return err
	}
	manifest := p.Manifest()
	report := conformance.Check(ctx, p, o)
	if asJSON {
		if err := json.NewEncoder(l.out).Encode(checkOutput{l.name, manifest, report.OK(), report.Results}); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(l.out, "%s: %s, %s\n", l.name, strings.TrimSpace(orUnnamed(manifest.Name)+" "+manifest.Version), rolesText(manifest.Roles))
		if _, err := report.WriteTo(l.out); err != nil {
			return err
		}
	}
	if !report.OK() {
		return errPlugin
	}
	return nil
}

func orUnnamed(name string) string {
	if name == "" {
		return "unnamed"
	}
	return name
}

func rolesText(roles []hostapi.Role) string {
	texts := make([]string, len(roles))
	for i, r := range roles {
		texts[i] = string(r)
	}
	return strings.Join(texts, ", ")
}
