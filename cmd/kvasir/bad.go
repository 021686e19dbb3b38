package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/control"
)

func newBad(s streams) *cobra.Command {
	var prompt string
	var undo, list bool
	var cmd *cobra.Command
	cmd = storeCommand(s, "bad ID [--prompt PROMPT] | bad --list", "Say that a stored answer is wrong", cobra.MaximumNArgs(1),
		func(ctx context.Context, store control.Store, args []string, asJSON bool) error {
			var about *string
			if cmd.Flags().Changed("prompt") {
				about = &prompt
			}
			switch {
			case list && (len(args) > 0 || undo || about != nil):
				return usagef("--list goes with nothing else")
			case list:
				return listBad(ctx, s.out, store, asJSON)
			case len(args) == 0:
				return usagef("no entry: give its id, which kvasir ls shows, or --list")
			case undo:
				return undoBad(ctx, s.out, store, args[0], about, asJSON)
			}
			mark, err := store.MarkBad(ctx, args[0], about)
			if err != nil {
				return err
			}
			return printMark(s.out, mark, asJSON)
		})
	cmd.Long = `Bad says that the answer of an entry is wrong: for a prompt that it was served for, or without --prompt
for the entry's own. That prompt never gets it again. What is alike has to be more alike to get it, the more so the
more prompts it was wrong for; at the third one, or its own, the entry is taken out of service, and the model is
asked again. --undo takes it back, for one prompt or for all, and brings the entry back as it was, unless its request has
been answered anew. What was said stays when the entry goes.`
	cmd.Example = `  kvasir bad 1f
  kvasir bad 1f --prompt "What is the capital of Nigeria?"
  kvasir bad 1f --undo`
	flags := cmd.Flags()
	flags.StringVar(&prompt, "prompt", "", "the `prompt` that the answer is wrong for (default the entry's own)")
	flags.BoolVar(&undo, "undo", false, "take it back, for --prompt or for all prompts")
	flags.BoolVar(&list, "list", false, "list what was said to be wrong, oldest first")
	return cmd
}

func printMark(w io.Writer, mark *engine.Mark, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(mark)
	}
	if mark.Retired {
		_, err := fmt.Fprintf(w, "entry %s serves nobody any more\n", mark.Entry)
		return err
	}
	_, err := fmt.Fprintf(w, "entry %s never serves this prompt again, and others only where they are more alike\n", mark.Entry)
	return err
}

func undoBad(ctx context.Context, w io.Writer, store control.Store, id string, prompt *string, asJSON bool) error {
	gone, err := store.UndoBad(ctx, id, prompt)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(w).Encode(map[string]any{"undone": gone})
	}
	for _, m := range gone {
		fmt.Fprintf(w, "entry %s is no longer wrong for %s\n", m.Entry, oneLine(m.Prompt))
	}
	return nil
}

func listBad(ctx context.Context, w io.Writer, store control.Store, asJSON bool) error {
	list, err := store.ListBad(ctx)
	if err != nil {
		return err
	}
	out := json.NewEncoder(w)
	for _, m := range list {
		if asJSON {
			if err := out.Encode(m); err != nil {
				return err
			}
			continue
		}
		what := "wrong"
		if m.Retired {
			what = "retired"
		}
		fmt.Fprintf(w, "%-6s %s  %-7s  %s", m.Entry, m.When.Local().Format(time.DateTime), what, oneLine(m.Prompt))
		if m.Prompt != m.Asked {
			fmt.Fprintf(w, "  (the entry's: %s)", oneLine(m.Asked))
		}
		fmt.Fprintln(w)
	}
	return nil
}
