package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/bench"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/eval"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

// defaultBenchTokens is the length of answers: enough that decoding counts, and the same in both arms.
const defaultBenchTokens = 48

// benchRepeat are the flags of kvasir bench repeat.
type benchRepeat struct {
	streams
	benchFlags
	stream               string
	requests, maxTokens  int
	minSaving, falseHits string
}

func newBenchRepeat(s streams) *cobra.Command {
	o := &benchRepeat{streams: s}
	cmd := &cobra.Command{
		Use: "repeat [-m MODEL] [--stream FILE]", Short: "Replay requests without the cache and with it, and compare the time",
		Long: `Repeat answers the requests of a stream twice: by the model alone, and by the model behind the cache, each
with an inference host of its own. The two take turns at every request. The cache begins with an empty store
on disk, which is deleted afterwards; your own is not touched. Ctrl-C ends it with a report of what was done.

Without --stream it asks two hundred requests that come with kvasir. docs/bench.md says what the figures mean.`,
		Example: `  kvasir bench repeat -m model.gguf
  kvasir bench repeat -m model.gguf --stream requests.jsonl --requests 200 --html report.html
  kvasir bench repeat -m model.gguf --stream requests.jsonl --min-saving 30% --max-false-hits 1%`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.stream, "stream", "", "`file` of requests in their order, as JSON lines (default a stream that comes with kvasir)")
	flags.IntVar(&o.requests, "requests", 0, "ask the first `n` requests only (default all)")
	flags.IntVar(&o.maxTokens, "max-tokens", defaultBenchTokens, "most `tokens` of an answer, which ends there; 0 lets the model decide")
	flags.StringVar(&o.minSaving, "min-saving", "", "exit with 1 if less than this `share` of the time is saved, such as 30%")
	flags.StringVar(&o.falseHits, "max-false-hits", "", "exit with 1 if more than this `share` of the hits is wrong, such as 1%")
	o.benchFlags.add(flags)
	return cmd
}

func (o *benchRepeat) run(ctx context.Context) error {
	limits, err := o.limits()
	if err != nil {
		return err
	}
	c, err := o.read()
	if err != nil {
		return err
	}
	stream, name, err := o.readStream()
	if err != nil {
		return err
	}
	report, stopped := o.measure(ctx, c, stream, name)
	if report == nil || report.Requests == 0 && stopped != nil {
		return stopped
	}
	if limits != nil {
		report.Hold(*limits)
	}
	if err := o.write(report); err != nil {
		return errors.Join(stopped, err)
	}
	if stopped == nil && limits != nil && !report.Gate.Passed {
		return errors.New(strings.Join(report.Gate.Broken, "\n"))
	}
	return stopped
}

// limits returns what the run has to keep, nil if nothing.
func (o *benchRepeat) limits() (*bench.Limits, error) {
	switch {
	case o.requests < 0:
		return nil, usagef("--requests is %d; it must not be negative", o.requests)
	case o.maxTokens < 0:
		return nil, usagef("--max-tokens is %d; it must not be negative", o.maxTokens)
	case o.minSaving == "" && o.falseHits == "":
		return nil, nil
	}
	l := bench.Limits{MinSaving: eval.Rate(math.NaN()), MaxFalseHits: eval.Rate(math.NaN())}
	for _, f := range []struct {
		name, text string
		to         *eval.Rate
	}{{"--min-saving", o.minSaving, &l.MinSaving}, {"--max-false-hits", o.falseHits, &l.MaxFalseHits}} {
		if f.text == "" {
			continue
		}
		var err error
		if *f.to, err = eval.ParseLimit(f.text); err != nil {
			return nil, usagef("%s: %w", f.name, err)
		}
	}
	return &l, nil
}

// readStream reads the requests to ask.
func (o *benchRepeat) readStream() (stream []eval.Asked, name string, err error) {
	name, content := bench.OwnName, io.Reader(strings.NewReader(bench.OwnStream))
	if o.stream != "" {
		f, err := os.Open(o.stream)
		if err != nil {
			return nil, "", err
		}
		defer f.Close()
		name, content = filepath.Base(o.stream), f
	}
	if stream, err = eval.ReadStream(content); err != nil {
		return nil, "", fmt.Errorf("%s: %w", o.stream, err)
	}
	if o.requests > 0 {
		stream = stream[:min(o.requests, len(stream))]
	}
	return stream, name, nil
}

// measure starts both arms and replays the stream. The report is of what was done before err, nil if the arms
// did not start.
func (o *benchRepeat) measure(ctx context.Context, c *config.Config, stream []eval.Asked, name string) (report *bench.Report, err error) {
	load, err := o.loadOptions(c)
	if err != nil {
		return nil, err
	}
	remove, err := benchStore(c)
	if err != nil {
		return nil, err
	}
	defer remove()
	line := newProgressLine(o.err)
	defer line.clear()
	arms, err := o.openArms(ctx, c, load)
	if err != nil {
		return nil, err
	}
	defer arms.close()
	run := &bench.Repeat{Stream: stream, Without: &arms.plain, With: &arms.cached, Seed: o.seed}
	began := time.Now()
	err = run.Run(ctx, func(done int, without, with time.Duration) {
		left := time.Since(began) / time.Duration(done) * time.Duration(len(stream)-done)
		line.print("request %d of %d: %.0f s without the cache, %.0f s with it; about %s left", done, len(stream), without.Seconds(), with.Seconds(), left.Round(time.Second))
	})
	return run.Report(bench.Setup{
		Data: name, Model: filepath.Base(load.Model), Strategy: c.Cache.Strategy, Mode: string(c.Cache.Mode), MaxTokens: o.maxTokens,
		Seed: o.seed, Version: ownVersion(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Processors: runtime.NumCPU(),
	}), err
}

// write writes the report in every way asked for.
func (o *benchRepeat) write(report *bench.Report) error {
	if err := writeFile(o.html, report.WriteHTML); err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(o.out).Encode(report)
	}
	return report.WriteText(o.out)
}

// arms are the two ways to answer, with an inference host each.
type arms struct {
	plain  plainArm
	cached cachedArm
	closes []func()
}

func (a *arms) close() {
	for _, f := range a.closes {
		f()
	}
}

// openArms starts both hosts and opens the store.
func (o *benchRepeat) openArms(ctx context.Context, c *config.Config, load base.LoadOptions) (*arms, error) {
	a := &arms{}
	if err := o.open(ctx, a, c, load); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (o *benchRepeat) open(ctx context.Context, a *arms, c *config.Config, load base.LoadOptions) error {
	ask := asking{o.maxTokens, float32(c.Host.Temperature)}
	host := inference{load, o.host, c, o.err, o.verbose}
	with := &watchedHost{maxTokens: o.maxTokens}
	options := host.options()
	options.Start = func(ctx context.Context) (started setup.Host, err error) {
		with.Host, err = host.start(ctx)
		return with, err
	}
	model, err := setup.OpenModel(ctx, c, options)
	if err != nil {
		return err
	}
	a.closes = append(a.closes, model.Close)
	if model.Store() == nil {
		return errors.New("the store of the benchmark could not be opened")
	}
	if err := model.Start(ctx); err != nil {
		return err
	}
	without := &watchedHost{maxTokens: o.maxTokens}
	if without.Host, err = host.start(ctx); err != nil {
		return err
	}
	a.closes = append(a.closes, func() { without.Close() })
	a.plain, a.cached = plainArm{ask, without}, cachedArm{ask, model, with}
	return nil
}
