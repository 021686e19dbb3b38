package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/control"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

func newPin(s streams) *cobra.Command {
	return pinCommand(s, "pin", "Keep stored answers when others go", true)
}

func newUnpin(s streams) *cobra.Command {
	return pinCommand(s, "unpin", "Let pinned answers go again", false)
}

func pinCommand(s streams, name, short string, pinned bool) *cobra.Command {
	return storeCommand(s, name+" ID...", short, cobra.MinimumNArgs(1),
		func(ctx context.Context, store control.Store, args []string, asJSON bool) error {
			done := []string{}
			var errs []error
			for _, id := range args {
				if err := store.Pin(ctx, id, pinned); err != nil {
					errs = append(errs, err)
					continue
				}
				done = append(done, id)
			}
			if asJSON {
				errs = append(errs, json.NewEncoder(s.out).Encode(map[string][]string{name + "ned": done}))
			} else {
				for _, id := range done {
					fmt.Fprintf(s.out, "%sned %s\n", name, id)
				}
			}
			return errors.Join(errs...)
		})
}

func newCompact(s streams) *cobra.Command {
	var dry bool
	cmd := storeCommand(s, "compact", "Remove expired answers, and those worth least where there are too many", cobra.NoArgs,
		func(ctx context.Context, store control.Store, _ []string, asJSON bool) error {
			r, failed := compact(ctx, store, dry)
			switch {
			case r == nil:
			case asJSON:
				failed = errors.Join(failed, json.NewEncoder(s.out).Encode(r))
			default:
				printCompaction(s.out, r, dry)
			}
			return failed
		})
	cmd.Long = `Compact does what a running kvasir does in the background: it removes what has expired and, where there are more
answers or bytes than [cache] allows, those that save least time, by use, for their size. docs/keeping.md says how they
are chosen. --dry-run says what would go and how much saved time that costs.`
	cmd.Flags().BoolVar(&dry, "dry-run", false, "remove nothing, and say what would go")
	return cmd
}

// compact has the store compact until nothing more has to go, and adds up what went, also where it fails on the way.
func compact(ctx context.Context, store control.Store, dry bool) (sum *engine.CompactReport, err error) {
	for {
		r, err := store.Compact(ctx, dry)
		if err != nil {
			return sum, err
		}
		if sum == nil {
			sum = r
		} else {
			sum.Join(r)
		}
		if !r.More {
			sum.More = false
			return sum, nil
		}
	}
}

// causes say in words why entries go.
var causes = map[string]string{
	engine.RemovedForSize: "too many entries", engine.RemovedForBytes: "too many bytes", engine.RemovedForShare: "more than the tenant's share",
}

func printCompaction(w io.Writer, r *engine.CompactReport, dry bool) {
	verb := "removed"
	if dry {
		verb = "would remove"
	}
	fmt.Fprintf(w, "%s, %s; %d pinned\n", base.Entries(r.Entries), sizeText(r.Bytes), r.Pinned)
	printGone(w, verb, "expired", r.Expired)
	for _, cause := range slices.Sorted(maps.Keys(r.Evicted)) {
		printGone(w, verb, causes[cause], r.Evicted[cause])
	}
	if r.Expired.Entries == 0 && len(r.Evicted) == 0 {
		fmt.Fprintln(w, "nothing has to go")
	}
}

func printGone(w io.Writer, verb, why string, g engine.Gone) {
	if g.Entries > 0 {
		fmt.Fprintf(w, "%s %d (%s): %s; computing them again takes %v, and their latest uses promised to save %v\n",
			verb, g.Entries, why, sizeText(g.Bytes), g.Cost.Round(time.Millisecond), g.Expected.Round(time.Millisecond))
	}
}

// sizeText is a number of bytes for people.
func sizeText(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, unit := float64(n), 0
	for v >= 1024 && unit < len(units)-1 {
		v, unit = v/1024, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[unit])
}

// removeFlags say which entries rm removes, where no ids do.
type removeFlags struct {
	filter engine.Filter
	older  string
	model  string
	dry    bool
}

func (f *removeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.filter.Prompt, "prompt", "", "those whose prompt has this `text` in it")
	flags.StringVar(&f.filter.Topic, "topic", "", "those of this `topic`")
	flags.StringVar(&f.filter.Tag, "tag", "", "those with this `tag`")
	flags.StringVar(&f.model, "model", "", "those of this model: a GGUF `file`, or the first digits of its id")
	flags.StringVar(&f.older, "older-than", "", "those stored longer ago than this `time`, such as 90m or 3d")
	flags.BoolVar(&f.filter.All, "all", false, "every one")
	flags.BoolVar(&f.dry, "dry-run", false, "remove nothing, and say what would go")
}

// read completes the filter. given is whether any of it was given.
func (f *removeFlags) read(ctx context.Context) (given bool, err error) {
	if f.older != "" {
		age, ok := config.ParseDuration(f.older)
		if !ok || age <= 0 {
			return false, usagef("--older-than is %q, no time such as 90m, 72h or 3d", f.older)
		}
		f.filter.OlderThan = age
	}
	if f.model != "" {
		if f.filter.Model, err = modelID(ctx, f.model); err != nil {
			return false, err
		}
	}
	return f.filter != (engine.Filter{}), nil
}

// modelID is the id of a model file, or the first digits of one as they are.
func modelID(ctx context.Context, text string) (string, error) {
	if isHex(text) {
		return text, nil
	}
	id, _, err := setup.Identify(ctx, base.LoadOptions{Model: text})
	if err != nil {
		return "", fmt.Errorf("--model: %w", err)
	}
	return id.String(), nil
}

func isHex(text string) bool {
	for _, r := range text {
		if !(r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F') {
			return false
		}
	}
	return text != ""
}

// forget removes what a filter means, page by page. Where it fails on the way it returns what went before, if anything did.
func forget(ctx context.Context, store control.Store, f *removeFlags) (*engine.Forgotten, error) {
	sum := &engine.Forgotten{}
	for from := ""; ; {
		page, err := store.Forget(ctx, f.filter, from, f.dry)
		if err != nil && sum.Entries == 0 {
			return nil, err
		}
		if err != nil {
			return sum, err
		}
		sum.Entries, sum.Bytes, sum.Uses = sum.Entries+page.Entries, sum.Bytes+page.Bytes, sum.Uses+page.Uses
		sum.Cost, sum.Saved, sum.Pinned, sum.Unread = sum.Cost+page.Cost, sum.Saved+page.Saved, sum.Pinned+page.Pinned, sum.Unread+page.Unread
		if from = page.Next; from == "" {
			return sum, nil
		}
	}
}

func printForgotten(w io.Writer, r *engine.Forgotten, dry bool) {
	verb := "removed"
	if dry {
		verb = "would remove"
	}
	fmt.Fprintf(w, "%s %s, %s, %d of them pinned; they saved %v in %s, and computing them again takes %v\n",
		verb, base.Entries(r.Entries), sizeText(r.Bytes), r.Pinned, r.Saved.Round(time.Millisecond), base.Count(r.Uses, "use", "uses"), r.Cost.Round(time.Millisecond))
}

// printUnread says what could not be read.
func (f *removeFlags) printUnread(w io.Writer, r *engine.Forgotten) {
	switch {
	case r.Unread == 0:
	case f.filter.All:
		note(w, "%s could not be read", base.Entries(r.Unread))
	default:
		note(w, "%s could not be read and were left alone; kvasir check --repair loses what is damaged", base.Entries(r.Unread))
	}
}

func newRemove(s streams) *cobra.Command {
	var f removeFlags
	cmd := storeCommand(s, "rm ID... | rm --FILTER...", "Remove stored answers", cobra.ArbitraryArgs,
		func(ctx context.Context, store control.Store, args []string, asJSON bool) error {
			if len(args) > 0 {
				return removeByID(ctx, s, store, args, f.dry, asJSON)
			}
			r, failed := forget(ctx, store, &f)
			switch {
			case r == nil:
			case asJSON:
				failed = errors.Join(failed, json.NewEncoder(s.out).Encode(r))
			default:
				printForgotten(s.out, r, f.dry)
				f.printUnread(s.err, r)
			}
			return failed
		})
	cmd.Long = `Rm removes answers by id, or all those for which every given flag holds, pinned ones too. --dry-run says first
how many those are, what they saved and what computing them again takes.`
	cmd.Example = `  kvasir rm 2a 2b --dry-run
  kvasir rm --topic prices --older-than 7d --dry-run`
	f.add(cmd)
	open := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		given, err := f.read(cmd.Context())
		switch {
		case err != nil:
			return err
		case len(args) > 0 && given:
			return usagef("ids and flags that choose entries do not go together")
		case len(args) == 0 && !given:
			return usagef("say which entries: by ids, or by flags; --all is every one")
		case f.filter.All && f.filter != (engine.Filter{All: true}):
			return usagef("--all and flags that choose some entries do not go together")
		}
		return open(cmd, args)
	}
	return cmd
}

// removeByID removes entries, or with dry says which it would.
func removeByID(ctx context.Context, s streams, store control.Store, ids []string, dry, asJSON bool) error {
	remove, name, text := store.Remove, "removed", "removed"
	if dry {
		name, text = "would_remove", "would remove"
		remove = func(ctx context.Context, id string) error { _, err := store.Get(ctx, id); return err }
	}
	removed := []string{}
	var errs []error
	for _, id := range ids {
		if err := remove(ctx, id); err != nil {
			errs = append(errs, err)
			continue
		}
		removed = append(removed, id)
	}
	if asJSON {
		errs = append(errs, json.NewEncoder(s.out).Encode(map[string][]string{name: removed}))
	} else {
		for i, id := range removed {
			if i == 0 {
				fmt.Fprint(s.out, text)
			}
			fmt.Fprint(s.out, " ", id)
		}
		if len(removed) > 0 {
			fmt.Fprintln(s.out)
		}
	}
	return errors.Join(errs...)
}
