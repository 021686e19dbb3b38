package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

// importOptions are the flags of kvasir import.
type importOptions struct {
	streams
	merge    string
	skipBad  bool
	noIndex  bool
	pack     string
	key      string
	json     bool
	settings settings
}

func newImport(s streams) *cobra.Command {
	o := &importOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "import [FILE]",
		Short: "Store the answers of a file that kvasir export wrote",
		Long: `Import reads what kvasir export wrote, here or on another machine; - is standard input, and without FILE
it is the .jsonl of --cache-file. The store is made if it is not there. Entries get keys with the salts of this
store, so they are found by the same requests, of the same tenants, to the same models.

Where there is an entry for the same request, --merge decides: newer, the default, keeps the one that was
answered later; keep keeps the one that is there, and replace takes the imported one. Past --cache-max those
worth least go. Each entry is stored whole or not at all, and what the last line reports is safe.

With --pack it reads a signed pack. All of it is verified, by the key of whoever made it, before anything is
stored.`,
		Example: `  kvasir import answers.jsonl
  gzip -dc today.jsonl.gz | kvasir import --merge keep -
  kvasir import --pack warm.kvpack --key team.key.pub`,
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
				return o.importPack(cmd.Context(), c)
			case o.key != "":
				return usagef("--key is for --pack")
			}
			return o.run(cmd.Context(), c, args)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.merge, "merge", string(engine.MergeNewer), "which entry stays where there are two for one request: newer, keep or replace")
	flags.BoolVar(&o.skipBad, "skip-bad", false, "leave out lines that cannot be used, and count them, instead of stopping there")
	flags.BoolVar(&o.noIndex, "no-index", false, "leave making normal forms to the first request that needs them")
	flags.BoolVar(&o.json, "json", false, "print what became of the entries as JSON")
	flags.StringVar(&o.pack, "pack", "", "read a signed pack from this `file`")
	flags.StringVar(&o.key, "key", "", "`file` with the public key of whoever made the pack")
	o.settings.add(flags)
	return cmd
}

func (o *importOptions) check(c *config.Config, path string) error {
	switch {
	case !c.Cache.Persist:
		return usagef("with persist off there is no store to import into")
	case path == "":
		return usagef("no file: name one, or - for standard input")
	}
	switch engine.Merge(o.merge) {
	case engine.MergeNewer, engine.MergeKeep, engine.MergeReplace:
		return nil
	}
	return usagef("--merge is %q; it must be newer, keep or replace", o.merge)
}

func (o *importOptions) run(ctx context.Context, c *config.Config, args []string) error {
	path := setup.SnapshotPath(c)
	if len(args) == 1 {
		path = args[0]
	}
	if err := o.check(c, path); err != nil {
		return err
	}
	in, size, err := o.open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	var lines io.Reader = in
	if setup.NewStore(c) { // and none is to be left behind by a file that is no export
		if lines, err = setup.Probe(in, o.skipBad); err != nil {
			return fmt.Errorf("%q: %w", path, err)
		}
	}
	store, err := openStore(ctx, c, o.err, false)
	if err != nil {
		return err
	}
	done := &importOutput{File: path}
	err = o.store(ctx, store, lines, size, done, samePath(path, setup.SnapshotPath(c)))
	err = errors.Join(err, store.Close())
	return errors.Join(o.report(done), err)
}

func (o *importOptions) open(path string) (io.ReadCloser, int64, error) {
	if path == "-" {
		return io.NopCloser(o.in), 0, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// importOutput is what kvasir import --json prints.
type importOutput struct {
	File string `json:"file"`
	*setup.ImportResult
	Milliseconds float64 `json:"ms"`
	Indexed      int     `json:"indexed"`
	IndexMillis  float64 `json:"index_ms"`
	IndexFailed  string  `json:"index_failed,omitempty"`
	Chunks       int     `json:"chunks,omitempty"`   // of saved state in a pack
	Admitted     int     `json:"admitted,omitempty"` // that were not there yet, and fitted
	NoState      string  `json:"no_state,omitempty"`

	began time.Time
	pack  *setup.UnpackResult
}

// options are how the lines are read. Of a size of 0 nothing is known.
func (o *importOptions) options(line *progressLine, size int64) setup.ImportOptions {
	return setup.ImportOptions{
		Merge: engine.Merge(o.merge), SkipBad: o.skipBad,
		Bad: func(number int, err error) {
			line.clear()
			fmt.Fprintf(o.err, "kvasir: note: line %d is left out: %v\n", number, err)
		},
		Progress: func(entries int, at int64) {
			if size > 0 {
				line.say("reading, %s, %d %%", base.Entries(entries), min(100, at*100/size))
			} else {
				line.say("reading, %s", base.Entries(entries))
			}
		},
	}
}

// store reads the entries, and then gives them their normal forms.
func (o *importOptions) store(ctx context.Context, store *setup.Store, in io.Reader, size int64, out *importOutput, own bool) error {
	line := newProgressLine(o.err)
	defer line.clear()
	options := o.options(line, size)
	began := time.Now()
	var err error
	if own {
		out.ImportResult, err = setup.ReadSnapshot(ctx, store, out.File, options)
	} else {
		out.ImportResult, err = setup.Import(ctx, store, in, options)
	}
	out.Milliseconds = milliseconds(time.Since(began))
	if err != nil {
		return err
	}
	return o.index(ctx, store, out)
}

// index gives the entries their normal forms.
func (o *importOptions) index(ctx context.Context, store *setup.Store, out *importOutput) error {
	if o.noIndex || out.Added+out.Replaced == 0 {
		return nil
	}
	line := newProgressLine(o.err)
	defer line.clear()
	began := time.Now()
	var err error
	out.Indexed, err = setup.Reindex(ctx, store, func(entries int) { line.say("making normal forms, %s", base.Entries(entries)) })
	out.IndexMillis = milliseconds(time.Since(began))
	if err != nil && ctx.Err() == nil {
		out.IndexFailed, err = err.Error(), nil // the entries are there, and found exactly; a lookup tries again
	}
	return err
}

func (o *importOptions) report(out *importOutput) error {
	if out.ImportResult == nil {
		return nil
	}
	if p := out.pack; p != nil {
		out.Chunks, out.Admitted, out.NoState = p.Chunks, p.Admitted, p.NoState
	}
	if o.json {
		return json.NewEncoder(o.out).Encode(out)
	}
	fmt.Fprintf(o.out, "read %s: %d added, %d replaced, %d kept as they were, %d unchanged\n",
		base.Entries(out.Entries), out.Added, out.Replaced, out.Kept, out.Unchanged)
	for _, left := range []struct {
		n         int
		one, many string
	}{
		{out.Marks, "mark of an answer as wrong came with them", "marks of answers as wrong came with them"},
		{out.Expired, "expired and was left out", "expired and were left out"},
		{out.Wrong, "was said to be wrong here and was left out", "were said to be wrong here and were left out"},
		{out.Bad, "line could not be used and was left out", "lines could not be used and were left out"},
		{out.Evicted, "of those worth least had to go, since the cache may hold no more", "of those worth least had to go, since the cache may hold no more"},
	} {
		if left.n > 0 {
			fmt.Fprintln(o.out, base.Count(left.n, left.one, left.many))
		}
	}
	if out.Chunks > 0 {
		fmt.Fprintf(o.out, "%d of %s of saved state were new and are kept\n", out.Admitted, base.Count(out.Chunks, "chunk", "chunks"))
	}
	if out.NoState != "" {
		fmt.Fprintf(o.err, "kvasir: note: the state was left out: %s\n", out.NoState)
	}
	if out.IndexFailed != "" {
		fmt.Fprintf(o.err, "kvasir: note: normal forms are made later: %s\n", out.IndexFailed)
	}
	return nil
}
