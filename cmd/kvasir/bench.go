package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/cachedir"
	"github.com/kvasir-cache/kvasir/internal/config"
)

func newBench(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "bench", Short: "Measure what the cache saves on this machine",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q of bench", args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newBenchRepeat(s), newBenchResume(s))
	return cmd
}

// benchFlags are the flags of every benchmark: what is measured, and how the report is written.
type benchFlags struct {
	load     base.LoadOptions
	host     string
	strategy string
	seed     uint64
	json     bool
	html     string
	verbose  bool
	settings settings
}

// notOfBench are flags of the cache that a benchmark decides for itself: it has an empty store of its own.
var notOfBench = []string{"cache-persist", "cache-file"}

func (b *benchFlags) add(flags *pflag.FlagSet) {
	flags.StringVarP(&b.load.Model, "model", "m", "", "GGUF `file`; the first one of a split model (default atlas, which comes with kvasir)")
	flags.Uint64Var(&b.seed, "seed", 1, "decides which arm goes first at each request")
	flags.BoolVar(&b.json, "json", false, "print JSON")
	flags.StringVar(&b.html, "html", "", "write a page with plots to a `file` too")
	flags.StringVar(&b.strategy, "strategy", "", "`name` of the strategy (default that of [cache])")
	addLoadFlags(flags, &b.load)
	addHostFlag(flags, &b.host)
	b.settings.flags = flags
	flags.StringVar(&b.settings.file, "config", "", "configuration `file` (default ./"+config.FileName+" if it is there)")
	for _, f := range config.CacheFlags() {
		if !slices.Contains(notOfBench, f.Name) {
			flags.String(f.Name, "", f.Usage+" (default "+f.Default+")")
		}
	}
	flags.BoolVarP(&b.verbose, "verbose", "v", false, "show the logs of the cache and of the inference hosts")
}

// read returns the configuration with the strategy that was asked for.
func (b *benchFlags) read() (*config.Config, error) {
	c, err := b.settings.read()
	if err != nil || b.strategy == "" {
		return c, err
	}
	if c.Strategies[b.strategy] == nil {
		return nil, usagef("there is no strategy %q; there is %s", b.strategy, strings.Join(slices.Sorted(maps.Keys(c.Strategies)), ", "))
	}
	c.Cache.Strategy = b.strategy
	if f := b.settings.flags.Lookup("cache-threshold"); f.Changed { // it belongs to the strategy that counts
		if err := c.Override(f.Name, f.Value.String()); err != nil {
			return nil, usageError{err}
		}
	}
	return c, flagProblem(c.Validate())
}

// loadOptions are the options of the hosts, which answer one request at a time.
func (b *benchFlags) loadOptions(c *config.Config) (base.LoadOptions, error) {
	load, err := fill(c)
	load.Parallel = 1
	return load, err
}

// benchStore makes a folder for the store of a benchmark, on the disk that holds the cache folder, and lets c
// name it. remove deletes it.
func benchStore(c *config.Config) (remove func(), err error) {
	parent, err := cachedir.Path("bench")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent, "store-*")
	if err != nil {
		return nil, err
	}
	c.Cache.Persist, c.Cache.File = true, filepath.Join(dir, "bench.db")
	return func() { os.RemoveAll(dir) }, nil
}
