package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/bench"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/gguf"
)

// serverEnv names the environment variable with the llama-server to compare with.
const serverEnv = "LLAMA_SERVER"

// defaultBenchLengths are the lengths that are measured, as far as the model's context holds them.
var defaultBenchLengths = []int{128, 256, 512, 1024, 2048, 4096}

// benchResume are the flags of kvasir bench resume.
type benchResume struct {
	streams
	benchFlags
	lengths []int
	rounds  int
	tail    int
	server  string
}

func newBenchResume(s streams) *cobra.Command {
	o := &benchResume{streams: s}
	cmd := &cobra.Command{
		Use: "resume [-m MODEL]", Short: "Measure the time to the first token of prompts that begin like earlier ones",
		Long: `Resume asks prompts that begin like no other, and prompts that share all but the last few tokens with an
earlier one, and compares the time to the first token. Everything is done as kvasir run does it: looked up,
inferred by the inference host, saved to a store on disk and restored from it. That store is empty at first
and deleted afterwards; your own is not touched. Prompts are tokens that are drawn at random. Ctrl-C ends it
with a report of what was done.

With --llama-server the same prompts are asked of that program too, which saves and restores its slot to a
file. docs/bench.md says what the figures mean.`,
		Example: `  kvasir bench resume -m model.gguf
  kvasir bench resume -m model.gguf --lengths 1000,8000 --rounds 5 --html report.html
  kvasir bench resume -m model.gguf --llama-server ./llama-server --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntSliceVar(&o.lengths, "lengths", nil, "`tokens` that prompts share (default 128,256,512,1024,2048,4096 as far as the model's context holds them)")
	flags.IntVar(&o.tail, "tail", 0, "`tokens` at the end of a prompt that are its own (default as few as may be read behind restored ones: 2, with flash attention 64)")
	flags.IntVar(&o.rounds, "rounds", 10, "how often each length is measured, in turns")
	flags.StringVar(&o.server, "llama-server", "", "compare with this llama-server `program` of llama.cpp (default $"+serverEnv+", or nothing)")
	o.benchFlags.add(flags)
	return cmd
}

func (o *benchResume) run(ctx context.Context) error {
	c, err := o.read()
	if err != nil {
		return err
	}
	load, err := o.loadOptions(c)
	if err != nil {
		return err
	}
	if err := o.check(&load); err != nil {
		return err
	}
	report, stopped := o.measure(ctx, c, load)
	if report == nil || len(report.Rows) == 0 && stopped != nil {
		return stopped
	}
	return errors.Join(stopped, o.write(report))
}

// check fills in what was not asked for, and makes the context long enough.
func (o *benchResume) check(load *base.LoadOptions) error {
	if o.rounds < 1 {
		return usagef("--rounds is %d; it must be 1 or more", o.rounds)
	}
	if least := leastTail(load); o.tail == 0 {
		o.tail = least
	} else if o.tail < least {
		return usagef("--tail is %d; %d or more have to be read behind restored tokens for the same numbers to come out", o.tail, least)
	}
	if o.server == "" {
		o.server = os.Getenv(serverEnv)
	}
	if o.server != "" && (len(load.Adapters) > 0 || load.Rope != base.Rope{}) {
		return usagef("--llama-server cannot be compared with under --lora or --rope-freq-base and --rope-freq-scale")
	}
	for _, n := range o.lengths {
		if n < base.ChunkTokens {
			return usagef("--lengths has %d; it must be %d or more, the tokens of a chunk of saved state", n, base.ChunkTokens)
		}
	}
	if len(o.lengths) == 0 {
		file, err := gguf.Open(load.Model)
		if err != nil {
			return err
		}
		train, _ := file.ModelUint("context_length")
		if o.lengths = fitting(int(train), o.tail); len(o.lengths) == 0 {
			return usagef("the model's context of %d tokens holds none of the usual lengths; name some with --lengths", train)
		}
	}
	load.Context = max(load.Context, slices.Max(o.lengths)+o.tail+1)
	return nil
}

// fitting returns the lengths that a context of some tokens holds, with the rest of the prompt and an answer. 0 is
// not known.
func fitting(context, tail int) []int {
	lengths := slices.Clone(defaultBenchLengths)
	return slices.DeleteFunc(lengths, func(n int) bool { return context > 0 && n+tail+1 > context })
}

// leastTail returns how many tokens have to be read behind restored ones for the same numbers to come out.
func leastTail(load *base.LoadOptions) int {
	if load.FlashAttention {
		return base.ChunkTokens
	}
	return 2
}

// measure starts what is measured and runs it. The report is of what was done before err, nil if nothing ran.
func (o *benchResume) measure(ctx context.Context, c *config.Config, load base.LoadOptions) (report *bench.ResumeReport, err error) {
	if err := needLlama(c); err != nil {
		return nil, err
	}
	remove, err := benchStore(c)
	if err != nil {
		return nil, err
	}
	defer remove()
	saveAll(c)
	arm, err := openResumed(ctx, inference{load, o.host, c, o.err, o.verbose})
	if err != nil {
		return nil, err
	}
	defer arm.close()
	info := arm.info
	run := &bench.Resume{Lengths: o.lengths, Rounds: o.rounds, Tail: o.tail, Vocabulary: info.Model.Vocabulary, Seed: o.seed, Cache: arm}
	setup := bench.ResumeSetup{
		Model: filepath.Base(load.Model), Context: info.Runtime.Context, Threads: info.Runtime.BatchThreads, KVType: info.Runtime.KVTypeK,
		FlashAttention: info.Runtime.FlashAttention, TokenBytes: info.State.TokenBytes, Tail: run.Tail, Rounds: o.rounds, Seed: o.seed,
		Version: ownVersion(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Processors: runtime.NumCPU(),
	}
	if o.server != "" {
		slots, err := startSlots(ctx, o.server, load.Model, info, o.inferenceLog())
		if err != nil {
			return nil, err
		}
		defer slots.close()
		run.Slots, setup.Server = slots, filepath.Base(o.server)
	}
	line := newProgressLine(o.err)
	defer line.clear()
	began := time.Now()
	err = run.Run(ctx, func(done, all int) {
		line.print("%d of %d, %.0f s", done, all, time.Since(began).Seconds())
	})
	return run.Report(setup), err
}

// saveAll has the state of every prompt saved at once, and nothing read in the background that would be in the
// way of what is measured.
func saveAll(c *config.Config) {
	c.KV.Enabled, c.KV.Dir, c.KV.MinPrefill, c.KV.Answers = true, "", 0, config.AnswersOff
}

// write writes the report in every way asked for.
func (o *benchResume) write(report *bench.ResumeReport) error {
	if err := writeFile(o.html, report.WriteHTML); err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(o.out).Encode(report)
	}
	return report.WriteText(o.out)
}
