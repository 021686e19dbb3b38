package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

// exportOptions are the flags of kvasir export.
type exportOptions struct {
	streams
	filter   filterFlags
	force    bool
	pack     string
	key      string
	state    bool
	json     bool
	settings settings
}

func newExport(s streams) *cobra.Command {
	o := &exportOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "export [FILE]",
		Short: "Write stored answers to a file",
		Long: `Export writes entries as JSON Lines, one a line, in the order in which they were stored: request, answer,
tokens, times and uses. docs/formats/export.md draws them. Whoever has the file can read what was asked and
answered; it gets mode 0600. FILE is replaced as a whole, or stays as it was; a link is followed, and a pipe or
device is written into. - is standard output. Without FILE it is the .jsonl of --cache-file, which is also what kvasir run and serve write.

With --pack it writes a signed pack instead, which can hold saved model state too (--state). State is of use to a
machine with the same model, build and processor only; others let it age out.`,
		Example: `  kvasir export answers.jsonl
  kvasir export --newer-than 24h - | gzip > today.jsonl.gz
  kvasir export --pack warm.kvpack --state --key team.key`,
		Args: atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := o.settings.read()
			if err != nil {
				return err
			}
			switch {
			case o.pack != "" && len(args) > 0:
				return usagef("--pack names the file; there is no second one")
			case o.pack != "":
				return o.exportPack(cmd.Context(), c)
			case o.key != "" || o.state:
				return usagef("--key and --state are for --pack")
			}
			return o.run(cmd.Context(), c, args)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	o.filter.add(flags)
	flags.BoolVar(&o.force, "force", false, "write over the .jsonl of --cache-file also where somebody else changed it")
	flags.BoolVar(&o.json, "json", false, "print what was written as JSON")
	flags.StringVar(&o.pack, "pack", "", "write a signed pack to this `file`")
	flags.StringVar(&o.key, "key", "", "`file` with the private key that signs a pack")
	flags.BoolVar(&o.state, "state", false, "put saved model state into the pack")
	o.settings.add(flags)
	return cmd
}

// filterFlags are the flags that choose entries.
type filterFlags struct {
	model, tenant, prompt, topic, tag string
	older, newer                      string
	flags                             *pflag.FlagSet
}

func (f *filterFlags) add(flags *pflag.FlagSet) {
	f.flags = flags
	flags.StringVar(&f.model, "model", "", "only of this `model`: its GGUF file, or the beginning of its id, which kvasir get shows")
	flags.StringVar(&f.tenant, "tenant", "", "only of the tenant with this `name`; \"\" is the one of callers without a key")
	flags.StringVar(&f.prompt, "prompt-contains", "", "only where the prompt has this `text` in it, whatever the case")
	flags.StringVar(&f.topic, "topic", "", "only of this `topic`")
	flags.StringVar(&f.tag, "tag", "", "only with this `tag`")
	flags.StringVar(&f.newer, "newer-than", "", "only what was stored within this `time`, such as 24h or 3d")
	flags.StringVar(&f.older, "older-than", "", "only what was stored longer ago than this `time`")
}

func (f *filterFlags) build(ctx context.Context, now time.Time) (filter engine.ExportFilter, err error) {
	filter.Model, filter.Prompt, filter.Topic, filter.Tag = f.model, f.prompt, f.topic, f.tag
	if _, err := os.Stat(f.model); f.model != "" && (err == nil || !isHex(f.model)) {
		id, _, err := setup.Identify(ctx, base.LoadOptions{Model: f.model})
		if err != nil {
			return filter, fmt.Errorf("--model: %w", err)
		}
		filter.Model = id.String()
	}
	if f.flags.Changed("tenant") {
		filter.Tenant = &f.tenant
	}
	if filter.After, err = before(now, "newer-than", f.newer); err != nil {
		return filter, err
	}
	filter.Before, err = before(now, "older-than", f.older)
	return filter, err
}

// before is the moment that a flag means by how long ago it was; without a value it is none.
func before(now time.Time, flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	age, ok := config.ParseDuration(text)
	if !ok || age <= 0 {
		return time.Time{}, usagef("--%s is %q, no time such as 90m, 72h or 3d", flag, text)
	}
	return now.Add(-age), nil
}

// checkTenant refuses the name of a tenant that neither the configuration has nor an entry. What was there before
// stays then.
func (f *filterFlags) checkTenant(c *config.Config, entries int) error {
	if entries > 0 || f.tenant == "" || c.Tenants[f.tenant] != nil {
		return nil
	}
	return &base.Error{Sentinel: engine.ErrNotFound, Message: fmt.Sprintf("--tenant: there is no tenant %q, and no such entry of one", f.tenant),
		Hint: "[tenant.NAME] in cache.toml names them; kvasir config show lists those"}
}

func (o *exportOptions) run(ctx context.Context, c *config.Config, args []string) error {
	own := setup.SnapshotPath(c)
	path := own
	filter, err := o.filter.build(ctx, time.Now())
	if err != nil {
		return err
	}
	if len(args) == 1 {
		path = args[0]
	}
	switch {
	case !c.Cache.Persist:
		return usagef("with persist off there is no store to look into")
	case path == "":
		return usagef("no file: name one, or - for standard output")
	case samePath(path, own) && filter.Some():
		return usagef("%s is the file of all entries; name another one for some of them", path)
	}
	store, err := openStore(ctx, c, o.err, true)
	if err != nil {
		return err
	}
	line := newProgressLine(o.err)
	progress := func(entries int) { line.say("writing, %s", base.Entries(entries)) }
	began := time.Now()
	var out *setup.Exported
	switch {
	case path == "-":
		if out, err = setup.Export(ctx, store, o.out, filter, progress); err == nil {
			err = o.filter.checkTenant(c, out.Entries)
		}
	case samePath(path, own):
		out, err = setup.WriteSnapshot(ctx, store, path, o.force, progress)
	default:
		_, err = writeOut(path, func(w io.Writer) (err error) {
			if out, err = setup.Export(ctx, store, w, filter, progress); err != nil {
				return err
			}
			return o.filter.checkTenant(c, out.Entries)
		})
	}
	line.clear()
	if err = errors.Join(err, store.Close()); err != nil {
		return err
	}
	return o.report(path, out, time.Since(began))
}

// report says on standard error what was written, so that it does not get into what is.
func (o *exportOptions) report(path string, out *setup.Exported, took time.Duration) error {
	if o.json {
		w := o.out
		if path == "-" {
			w = o.err
		}
		return json.NewEncoder(w).Encode(struct {
			File string `json:"file"`
			*setup.Exported
			Milliseconds float64 `json:"ms"`
		}{path, out, milliseconds(took)})
	}
	fmt.Fprintf(o.err, "kvasir: wrote %s to %s\n", base.Entries(out.Entries), where(path))
	if left := out.Expired + out.Damaged + out.Lost; left > 0 {
		fmt.Fprintf(o.err, "kvasir: note: left out %d that can serve nobody: %d expired, %d damaged, %d of tenants whose salt is gone\n",
			left, out.Expired, out.Damaged, out.Lost)
	}
	return nil
}

func where(path string) string {
	if path == "-" {
		return "standard output"
	}
	return filepath.Clean(path)
}

// samePath reports whether two paths name the same file. An empty one names none.
func samePath(a, b string) bool {
	if a == "" || b == "" || a == "-" {
		return false
	}
	x, errX := filepath.Abs(a)
	y, errY := filepath.Abs(b)
	return errX == nil && errY == nil && x == y
}

// atMostOne refuses a second argument as a usage error.
func atMostOne(cmd *cobra.Command, args []string) error {
	if err := cobra.MaximumNArgs(1)(cmd, args); err != nil {
		return usageError{err}
	}
	return nil
}
