package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/prochost"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

// settings are the configuration file and the flags over it.
type settings struct {
	file     string
	strategy string // of this request; empty where the command has no flag for it, or it was not given
	flags    *pflag.FlagSet
}

// addStrategy adds the flag that names the strategy of a request. It is none of the configuration: the process
// that has the store may have been started by another command, and keeps its own for others.
func (s *settings) addStrategy(flags *pflag.FlagSet) {
	flags.StringVar(&s.strategy, "cache-strategy", "", "`name` of the strategy that decides what is alike for this request, exact for none (default the one cache.toml names)")
}

// add adds --config and the flags of the cache. Other flags that set what the file sets too count as
// well, if the command has them.
func (s *settings) add(flags *pflag.FlagSet) {
	s.flags = flags
	flags.StringVar(&s.file, "config", "", "configuration `file` (default ./"+config.FileName+" if it is there)")
	for _, f := range config.CacheFlags() {
		flags.String(f.Name, "", f.Usage+" (default "+f.Default+")")
	}
}

// read returns what counts. A mistake in a flag is a usage error, one in the file is not.
func (s *settings) read() (*config.Config, error) {
	c := config.Default()
	path, found, err := config.Find(s.file)
	if err != nil {
		return nil, err
	}
	if found {
		if c, err = loadConfig(path); err != nil {
			return nil, err
		}
	}
	standing := c.Cache.Strategy
	if s.flags.Changed("cache-strategy") {
		if err := s.checkStrategy(c); err != nil {
			return nil, err
		}
		if s.strategy != hostapi.StrategyExact {
			c.Cache.Strategy = s.strategy // so that --cache-threshold is that of the one that counts
		}
	}
	s.flags.Visit(func(f *pflag.Flag) {
		if err == nil && config.HasFlag(f.Name) {
			err = c.Override(f.Name, flagValues(f)...)
		}
	})
	c.Cache.Strategy = standing
	if f := s.flags.Lookup("model"); f != nil && f.Changed && c.Host.Kind == config.HostOpenAI {
		c.Upstream.Model = f.Value.String() // which is no file there
	}
	if err != nil {
		return nil, usageError{err}
	}
	return c, flagProblem(c.Validate())
}

// checkStrategy refuses the name of no strategy.
func (s *settings) checkStrategy(c *config.Config) error {
	if c.Strategies[s.strategy] != nil || s.strategy == hostapi.StrategyExact {
		return nil
	}
	names := append(slices.Sorted(maps.Keys(c.Strategies)), hostapi.StrategyExact)
	return usagef("--cache-strategy: there is no strategy %q; there are %s", s.strategy, strings.Join(names, ", "))
}

// flagProblem makes a mistake in the flags a usage error.
func flagProblem(err error) error {
	var p *config.Problem
	if errors.As(err, &p) && p.Flag != "" {
		return usageError{err}
	}
	return err
}

func flagValues(f *pflag.Flag) []string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return list.GetSlice()
	}
	return []string{f.Value.String()}
}

func newConfig(s streams) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check the configuration file, or show what counts and why"}
	var file string
	check := &cobra.Command{
		Use: "check [FILE]", Short: "Report every mistake in a configuration file",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				file = args[0]
			}
			path, found, err := config.Find(file)
			if err != nil {
				return err
			}
			if !found {
				fmt.Fprintf(s.out, "no %s here: the defaults count\n", config.FileName)
				return nil
			}
			if err := config.Check(path); err != nil {
				return err
			}
			c, err := loadConfig(path)
			if err != nil {
				return err
			}
			if err := setup.Check(cmd.Context(), c, newLogger(s.err, false)); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			fmt.Fprintf(s.out, "%s is in order\n", path)
			return nil
		},
	}
	check.Flags().StringVar(&file, "config", "", "configuration `file` (default ./"+config.FileName+")")
	cmd.AddCommand(check, newConfigShow(s))
	return cmd
}

func newConfigShow(s streams) *cobra.Command {
	var from settings
	var asJSON bool
	show := &cobra.Command{
		Use: "show", Short: "Print every setting, its value and where it comes from",
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			c, err := from.read()
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(s.out).Encode(c.Explain())
			}
			for _, setting := range c.Explain() {
				fmt.Fprintf(s.out, "%s = %s  # %s\n", setting.Key, setting.Text(), setting.Source)
			}
			return nil
		},
	}
	from.add(show.Flags())
	show.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return show
}

// loadConfig reads a configuration file. No process that is started from then on gets the variables with its keys.
func loadConfig(path string) (*config.Config, error) {
	c, err := config.Load(path)
	if err == nil {
		prochost.Withhold(c.Cache.KeyEnv, c.Upstream.KeyEnv)
	}
	return c, err
}
