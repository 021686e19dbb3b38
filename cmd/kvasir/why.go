package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

// whyOptions are the flags of kvasir why, which are those of kvasir run that decide what a request is.
type whyOptions struct {
	streams
	system   string
	raw      bool
	json     bool
	load     base.LoadOptions
	request  requestFlags
	settings settings
}

func newWhy(s streams) *cobra.Command {
	o := &whyOptions{streams: s}
	cmd := &cobra.Command{
		Use: "why PROMPT", Short: "Explain what the cache would do with a prompt",
		Long: `Why looks a prompt up as kvasir run with the same flags would, and says what it found: the entry of
exactly this request, the entries that are most alike, how alike they are, where they differ, and what
follows. It asks no model and changes nothing; hooks are not asked.`,
		Args: func(cmd *cobra.Command, given []string) error {
			if err := cobra.ExactArgs(1)(cmd, given); err != nil {
				return usageError{err}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.load.Model, "model", "m", "", "GGUF `file` (default atlas, which comes with kvasir)")
	flags.StringVar(&o.system, "system", "", "system message of the chat")
	flags.BoolVar(&o.raw, "raw", false, "the prompt as it is, without the chat template")
	o.request.add(flags)
	addLoadFlags(flags, &o.load)
	o.settings.add(flags)
	o.settings.addStrategy(flags)
	flags.BoolVar(&o.json, "json", false, "print JSON")
	return cmd
}

func (o *whyOptions) run(ctx context.Context, prompt string) error {
	request, err := o.request.build()
	if err != nil {
		return err
	}
	c, err := o.settings.read()
	if err != nil {
		return err
	}
	if !c.Cache.Persist {
		return usagef("with persist off there is no store to look into")
	}
	load, err := fill(c)
	if err != nil {
		return err
	}
	if !o.settings.flags.Changed("temperature") {
		request.Sampling.Temperature = float32(c.Host.Temperature)
	}
	if o.raw {
		request.Prompt = prompt
	} else {
		request.Messages = (&runOptions{system: o.system}).messages(base.Message{Role: base.RoleUser, Content: prompt})
	}
	model, _, err := setup.IdentifyHost(ctx, c, load)
	if err != nil {
		return err
	}
	store, err := setup.OpenStore(ctx, c, setup.StoreOptions{MustExist: true, Logger: newLogger(o.err, false), Tokenize: setup.NoModel})
	if err != nil {
		return err
	}
	defer store.Close()
	why, err := store.Why(ctx, &engine.Query{Model: model, Request: request, Strategy: o.settings.strategy})
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(o.out).Encode(why)
	}
	printWhy(o.out, why)
	return nil
}

func printWhy(w io.Writer, why *engine.Why) {
	fmt.Fprintf(w, "%s\n\n", why.Verdict)
	fmt.Fprintf(w, "model      %s\nnamespace  %s\nprompt     %s\n", why.Model[:16], why.Namespace[:16], oneLine(why.Prompt))
	if why.Strategy != "" {
		fmt.Fprintf(w, "form       %s\nstrategy   %s\n", oneLine(why.Form), why.Strategy)
	}
	if why.Search != "" {
		fmt.Fprintf(w, "search     %s\n", why.Search)
	}
	for _, limit := range why.Limits {
		fmt.Fprintf(w, "limit      %s\n", limit)
	}
	if why.Exact != nil {
		fmt.Fprintf(w, "exact      entry %s, %s\n", why.Exact.ID, why.Exact.Reason)
	}
	for _, n := range why.Nearest {
		verdict := "no"
		if n.Serves {
			verdict = "serves as " + string(n.Kind)
		}
		fmt.Fprintf(w, "\nentry %s, alike by %.2f: %s\n  prompt   %s\n  because  %s\n", n.ID, n.Score, verdict, oneLine(n.Prompt), n.Reason)
		if len(n.Scores) > 1 {
			fmt.Fprintf(w, "  scores   %s\n", scoresText(n.Scores))
		}
		printDifferences(w, n.Guard)
	}
}

func scoresText(scores []engine.WhyScore) string {
	texts := make([]string, len(scores))
	for i, s := range scores {
		texts[i] = fmt.Sprintf("%s %.2f", s.Scorer, s.Score)
	}
	return strings.Join(texts, ", ")
}

// printDifferences shows where two prompts differ, the query's text first.
func printDifferences(w io.Writer, why *hostapi.Explanation) {
	if why == nil {
		return
	}
	for _, d := range why.Differences {
		weight := "matters"
		if d.Allowed {
			weight = "does not matter"
		}
		fmt.Fprintf(w, "  differs  %-12s %q, stored %q: %s\n", d.Type, strings.TrimSpace(d.Query), strings.TrimSpace(d.Candidate), weight)
	}
}
