package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

// checkOptions are the flags of kvasir check.
type checkOptions struct {
	streams
	lengths  []int
	repair   bool
	json     bool
	verbose  bool
	host     string
	load     base.LoadOptions
	settings settings
}

// checkLengths are compared unless others are asked for: below a chunk, off its boundaries, and long.
var checkLengths = []int{100, 161, 384}

func newCheck(s streams) *cobra.Command {
	o := &checkOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "check [--repair] | check -m MODEL",
		Short: "Check the store; with a model, that prompts resumed from saved state give the same numbers",
		Long: `Check reads all of the store: that every record has the bytes that were written, that keys, signatures, counts
and the files of saved state fit the entries they are of. It says what is broken and exits with 1. With --repair it
loses what is broken, and nothing else; where records cannot be read at all, it makes a new store of the others and
keeps the old one beside it. It needs the store for itself, so no other kvasir may have it.

With -m it touches no store, and reads prompts from the beginning, and again from saved state at several places, alone and beside
another request, and compares every logit at the end of the prompt and of the tokens that follow. Alone,
all bits must be the same; beside another request resumed prompts may differ from cold ones no more than
cold ones differ from each other there. The verdict is kept: where it is bad, nothing of this model is
resumed on this machine any more.`,
		Example: `  kvasir check --repair
  kvasir check -m model.gguf
  kvasir check -m model.gguf --lengths 100,1000,4000 --kv-type q8_0 --flash-attention`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case o.settings.flags.Changed("model") && o.load.Model == "":
				return usagef("--model is empty; leave it out to check the store")
			case o.load.Model == "":
				return o.runStore(cmd.Context())
			case o.repair:
				return usagef("--repair is for the store; leave out --model")
			}
			return o.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&o.load.Model, "model", "m", "", "GGUF `file`; the first one of a split model")
	flags.BoolVar(&o.repair, "repair", false, "lose what is broken in the store")
	flags.IntSliceVar(&o.lengths, "lengths", checkLengths, "with -m, lengths of the prompts, in tokens")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	addLoadFlags(flags, &o.load)
	addHostFlag(flags, &o.host)
	o.settings.add(flags)
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "show every comparison and the log of the inference host")
	return cmd
}

// stateCheckOutput is what kvasir check --json prints. Differences are the largest of a logit.
type stateCheckOutput struct {
	Holds      bool         `json:"holds"`
	Identical  bool         `json:"identical"`
	Difference float64      `json:"difference"`
	Busy       float64      `json:"difference_busy"`
	Cold       float64      `json:"difference_busy_cold"`
	Took       float64      `json:"took_ms"`
	Trials     []stateTrial `json:"trials"`
}

type stateTrial struct {
	Length     int     `json:"length"`
	Resumed    int     `json:"resumed"`
	Busy       bool    `json:"busy"`
	Identical  bool    `json:"identical"`
	Difference float64 `json:"difference"`
}

// errState ends a check that found something; the report has said what.
var errState = errors.New("resumed prompts give other numbers than cold ones here")

func (o *checkOptions) run(ctx context.Context) error {
	c, err := o.settings.read()
	if err != nil {
		return err
	}
	if err := needLlama(c); err != nil {
		return err
	}
	host, err := inference{c.Host.LoadOptions(), o.host, c, o.err, o.verbose}.start(ctx)
	if err != nil {
		return err
	}
	defer host.Close()
	line := newProgressLine(o.err)
	found, err := setup.CheckState(ctx, host, o.lengths, func(done float64) { line.show("checking", done) })
	line.clear()
	if found == nil {
		return err
	}
	if err != nil {
		fmt.Fprintf(o.err, "kvasir: warning: %v\n", err)
	}
	if err := o.print(found); err != nil {
		return err
	}
	if !found.Holds() {
		return errState
	}
	return nil
}

func (o *checkOptions) print(found *base.StateCheck) error {
	if o.json {
		out := stateCheckOutput{
			Holds: found.Holds(), Identical: found.Identical, Difference: found.Difference,
			Busy: found.Busy, Cold: found.Cold, Took: milliseconds(found.Took),
		}
		for _, t := range found.Trials {
			out.Trials = append(out.Trials, stateTrial(t))
		}
		return json.NewEncoder(o.out).Encode(out)
	}
	if o.verbose {
		printTrials(o.out, found.Trials)
	}
	alone := "every bit the same"
	if !found.Identical {
		alone = fmt.Sprintf("logits differ by up to %.2g", found.Difference)
	}
	fmt.Fprintf(o.out, "alone: %s\nbeside another request: resumed differs by up to %.2g, cold by up to %.2g\n", alone, found.Busy, found.Cold)
	verdict := "saved state is exact here"
	if !found.Holds() {
		verdict = "saved state is not exact here, and will not be used"
	}
	fmt.Fprintf(o.out, "%s (%d comparisons in %.1f s)\n", verdict, len(found.Trials), found.Took.Seconds())
	return nil
}

func printTrials(w io.Writer, trials []base.StateTrial) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "tokens\tresumed\tbeside another\tdifference\t")
	for _, t := range trials {
		fmt.Fprintf(table, "%d\t%d\t%v\t%.2g\t\n", t.Length, t.Resumed, t.Busy, t.Difference)
	}
	table.Flush()
}
