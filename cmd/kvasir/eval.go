package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/eval"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

// evalOptions are the flags of kvasir eval.
type evalOptions struct {
	streams
	pairs, stream string
	names         []string
	json, curves  bool
	csv, html     string
	limit         string
	settings      settings
}

func newEval(s streams) *cobra.Command {
	o := &evalOptions{streams: s}
	cmd := &cobra.Command{
		Use: "eval --pairs FILE | --stream FILE", Short: "Measure how often strategies answer, and how often wrongly",
		Long: `Eval judges labelled pairs of prompts by one or several strategies, or replays a stream of requests
through a cache in memory. It asks no model, touches no store, and asks no hooks. docs/eval.md describes the
files and the figures.`,
		Example: `  kvasir eval --pairs pairs.tsv
  kvasir eval --stream requests.jsonl --strategy default --strategy mine --html report.html
  kvasir eval --pairs pairs.tsv --max-false-hits 1%`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	o.settings.flags = flags
	flags.StringVar(&o.settings.file, "config", "", "configuration `file` (default ./"+config.FileName+" if it is there)")
	flags.StringVar(&o.pairs, "pairs", "", "`file` of labelled pairs, tab-separated")
	flags.StringVar(&o.stream, "stream", "", "`file` of requests in their order, as JSON lines")
	flags.StringSliceVar(&o.names, "strategy", nil, "`name` of a strategy; may be given several times (default that of [cache])")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	flags.BoolVar(&o.curves, "curves", true, "show what other thresholds would do; a stream is replayed for each")
	flags.StringVar(&o.csv, "csv", "", "write a table to a `file` too")
	flags.StringVar(&o.html, "html", "", "write a page with plots to a `file` too")
	flags.StringVar(&o.limit, "max-false-hits", "", "exit with 1 if more than this `share` of the hits is wrong, such as 1%")
	return cmd
}

func (o *evalOptions) run(ctx context.Context) error {
	limit, err := o.check()
	if err != nil {
		return err
	}
	c, err := o.settings.read()
	if err != nil {
		return err
	}
	if c, err = o.choose(c); err != nil {
		return err
	}
	data, err := o.read()
	if err != nil {
		return err
	}
	report, err := o.evaluate(ctx, c, data)
	if err != nil {
		return err
	}
	var gate *eval.Gate
	if o.limit != "" {
		gate = report.Hold(limit)
	}
	if err := o.write(report); err != nil {
		return err
	}
	if gate != nil && !gate.Passed {
		return errors.New(strings.Join(gate.Broken, "\n"))
	}
	return nil
}

// check refuses flags that do not go together, and returns the limit on false hits.
func (o *evalOptions) check() (limit eval.Rate, err error) {
	if (o.pairs == "") == (o.stream == "") {
		return 0, usagef("give either --pairs FILE or --stream FILE")
	}
	if o.limit == "" {
		return 0, nil
	}
	if limit, err = eval.ParseLimit(o.limit); err != nil {
		return 0, usagef("--max-false-hits: %w", err)
	}
	return limit, nil
}

// choose returns a configuration that has only the strategies asked for.
func (o *evalOptions) choose(c *config.Config) (*config.Config, error) {
	if len(o.names) == 0 {
		o.names = []string{c.Cache.Strategy}
	}
	chosen := *c
	chosen.Strategies = map[string]*config.Strategy{}
	for _, name := range o.names {
		s := c.Strategies[name]
		if s == nil {
			return nil, usagef("there is no strategy %q; there is %s", name, strings.Join(slices.Sorted(maps.Keys(c.Strategies)), ", "))
		}
		chosen.Strategies[name] = s
	}
	return &chosen, nil
}

// evalData is what strategies are measured on: pairs, or a stream.
type evalData struct {
	name   string
	pairs  []eval.Pair
	stream []eval.Asked
	curves bool // replay the stream for those
}

func (o *evalOptions) read() (d evalData, err error) {
	path := o.pairs + o.stream
	f, err := os.Open(path)
	if err != nil {
		return d, err
	}
	defer f.Close()
	d.name, d.curves = filepath.Base(path), o.curves
	if o.pairs != "" {
		d.pairs, err = eval.ReadPairs(f)
	} else {
		d.stream, err = eval.ReadStream(f)
	}
	if err != nil {
		return d, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

func (o *evalOptions) evaluate(ctx context.Context, c *config.Config, d evalData) (report *eval.Report, err error) {
	matching, err := setup.OpenMatching(ctx, c, newLogger(o.err, false))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, matching.Close()) }()
	line := newProgressLine(o.err)
	defer line.clear()
	report = &eval.Report{Data: d.name}
	for _, s := range inOrder(matching.Strategies, o.names) {
		result, err := d.run(ctx, s, func(done, all int) {
			line.print("strategy %s: %d of %d", s.Name, done, all)
		})
		if err != nil {
			return nil, err
		}
		report.Strategies = append(report.Strategies, result)
	}
	return report, nil
}

// inOrder returns the strategies in the order they were asked for, each once.
func inOrder(all []*engine.Strategy, names []string) (ordered []*engine.Strategy) {
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue
		}
		at := slices.IndexFunc(all, func(s *engine.Strategy) bool { return s.Name == name })
		ordered = append(ordered, all[at])
	}
	return ordered
}

func (d *evalData) run(ctx context.Context, s *engine.Strategy, progress eval.Progress) (*eval.Result, error) {
	if d.pairs != nil {
		return eval.RunPairs(ctx, s, d.pairs, progress)
	}
	return eval.RunStream(ctx, s, d.stream, d.curves, progress)
}

// write writes the report in every way asked for.
func (o *evalOptions) write(report *eval.Report) error {
	if err := errors.Join(writeFile(o.csv, report.WriteCSV), writeFile(o.html, report.WriteHTML)); err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(o.out).Encode(report)
	}
	return report.WriteText(o.out)
}

// writeFile writes a file whole, if it has a name.
func writeFile(path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	var content bytes.Buffer
	if err := write(&content); err != nil {
		return err
	}
	return os.WriteFile(path, content.Bytes(), 0o666)
}

// print shows any line on a terminal, in place of the one before.
func (p *progressLine) print(format string, args ...any) {
	if p.w != nil {
		fmt.Fprintf(p.w, "\r\033[K"+format, args...)
		p.shown = true
	}
}
