package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/control"
)

// storeCommand makes a command that works on the store there is, also while another process has it. It
// makes no new one.
func storeCommand(s streams, use, short string, args cobra.PositionalArgs, run func(ctx context.Context, store control.Store, args []string, asJSON bool) error) *cobra.Command {
	var from settings
	var asJSON bool
	cmd := &cobra.Command{
		Use: use, Short: short,
		Args: func(cmd *cobra.Command, given []string) error {
			if err := args(cmd, given); err != nil {
				return usageError{err}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := from.read()
			if err != nil {
				return err
			}
			if !c.Cache.Persist {
				return usagef("with persist off there is no store to look into")
			}
			store, err := openStore(cmd.Context(), c, s.err, true)
			if err != nil {
				return err
			}
			return errors.Join(run(cmd.Context(), store, given, asJSON), store.Close())
		},
	}
	from.add(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newList(s streams) *cobra.Command {
	return storeCommand(s, "ls", "List stored answers, oldest first", cobra.NoArgs,
		func(ctx context.Context, store control.Store, _ []string, asJSON bool) error {
			out := json.NewEncoder(s.out)
			for from := ""; ; {
				list, next, err := store.List(ctx, from, 0)
				if err != nil {
					return err
				}
				for _, entry := range list {
					if asJSON {
						err = out.Encode(entry)
					} else {
						_, err = fmt.Fprintf(s.out, "%-6s %s  %3d uses  %s%s\n", entry.ID, entry.Created.Local().Format(time.DateTime), entry.Uses, marksOf(&entry), listed(&entry))
					}
					if err != nil {
						return err
					}
				}
				if from = next; from == "" {
					return nil
				}
			}
		})
}

// marksOf says what few entries are, and until when they serve.
func marksOf(e *engine.Entry) (text string) {
	if e.Pinned {
		text += "pinned  "
	}
	if e.Tenant != "" {
		text += "of " + oneLine(e.Tenant) + "  "
	}
	if !e.Expires.IsZero() {
		text += "until " + e.Expires.Local().Format(time.DateTime) + "  "
	}
	return text
}

// roundedCost is a time with the digits that say something.
func roundedCost(d time.Duration) time.Duration {
	if d >= 10*time.Millisecond {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}

// listed shows the prompt of an entry, and that it is not all of the request.
func listed(e *engine.Entry) string {
	if e.Messages > 1 {
		return fmt.Sprintf("%s (after %s)", oneLine(e.Prompt), base.Count(e.Messages-1, "more message", "more messages"))
	}
	return oneLine(e.Prompt)
}

// printable replaces what a terminal would obey.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// oneLine cuts text to what a line of a list can show.
func oneLine(text string) string {
	const most = 60
	runes := []rune(strings.Join(strings.Fields(printable(text)), " "))
	if len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(runes)
}

func newGet(s streams) *cobra.Command {
	return storeCommand(s, "get ID", "Show one stored answer", cobra.ExactArgs(1),
		func(ctx context.Context, store control.Store, args []string, asJSON bool) error {
			entry, err := store.Get(ctx, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(s.out).Encode(entry)
			}
			fmt.Fprintf(s.out, "id       %s\ncreated  %s\nuses     %d\ncost     %v\nmodel    %s\n",
				entry.ID, entry.Created.Local().Format(time.DateTime), entry.Uses, roundedCost(entry.Cost), entry.Model)
			if !entry.Expires.IsZero() {
				fmt.Fprintf(s.out, "expires  %s\n", entry.Expires.Local().Format(time.DateTime))
			}
			if entry.Tenant != "" {
				fmt.Fprintf(s.out, "tenant   %s\n", printable(entry.Tenant))
			}
			if entry.Pinned {
				fmt.Fprintln(s.out, "pinned   yes")
			}
			if entry.Topic != "" || len(entry.Tags) > 0 {
				fmt.Fprintf(s.out, "topic    %s\ntags     %s\n", printable(entry.Topic), printable(strings.Join(entry.Tags, " ")))
			}
			if entry.Messages > 1 {
				fmt.Fprintf(s.out, "messages %d\nsystem   %s\n", entry.Messages, printable(entry.System))
			}
			fmt.Fprintf(s.out, "prompt   %s\nanswer   %s\n", printable(entry.Prompt), printable(entry.Answer))
			return nil
		})
}
