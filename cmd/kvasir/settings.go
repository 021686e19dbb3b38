package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/config"
)

// settings are the configuration file and the flags over it.
type settings struct {
	file  string
	flags *pflag.FlagSet
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
		if c, err = config.Load(path); err != nil {
			return nil, err
		}
	}
	s.flags.Visit(func(f *pflag.Flag) {
		if err == nil && config.HasFlag(f.Name) {
			err = c.Override(f.Name, flagValues(f)...)
		}
	})
	if err != nil {
		return nil, usageError{err}
	}
	return c, flagProblem(c.Validate())
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

// engineOptions are the options of the cache that c describes.
func engineOptions(c *config.Config) engine.Options {
	o := engine.Options{
		MaxEntries: c.Cache.MaxEntries, TTL: c.Cache.TTL, FlushInterval: c.Cache.FlushInterval,
		ServeSampled: c.Cache.Sampled == config.SampledServe,
		Strategy:     c.Cache.Strategy, ExactOnly: c.Cache.Mode == config.ModeExact,
	}
	if c.Cache.TTL == 0 {
		o.TTL = -1 // for ever
	}
	if c.Cache.Persist {
		o.Dir, _ = c.Cache.Store()
	}
	return o
}

// storeSettings are the settings that decide how a store is used. The process that has the store uses its
// own for all.
func storeSettings(c *config.Config) map[string]string {
	settings := map[string]string{}
	for _, setting := range c.Explain() {
		switch setting.Key {
		case "cache.sampled", "cache.max_entries", "cache.ttl", "cache.mode", "cache.strategy":
			settings[setting.Key] = setting.Text()
		}
	}
	settings["plugins"] = "none"
	if names := c.PluginNames(); len(names) > 0 {
		settings["plugins"] = strings.Join(names, " ")
	}
	return settings
}

func newConfig(s streams) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check the configuration file, or show what counts and why"}
	var file string
	check := &cobra.Command{
		Use: "check [FILE]", Short: "Report every mistake in a configuration file",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
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
