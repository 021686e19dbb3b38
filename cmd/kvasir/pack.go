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

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/pack"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

func newPackKey(s streams) *cobra.Command {
	return &cobra.Command{
		Use: "pack-key FILE", Short: "Make the keys that packs are signed and checked with",
		Long: `Pack-key makes a pair of Ed25519 keys: the private one in FILE, which signs what kvasir export --pack
writes and never leaves its owner, and the public one in FILE.pub, by which others check it with kvasir import
--pack. Both are PEM, as openssl reads and writes it. It writes over nothing.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.ExactArgs(1)(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			public, err := pack.MakeKeys(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(s.out, "key %s: %s signs, %s.pub checks\n", pack.Fingerprint(public), args[0], args[0])
			return nil
		},
	}
}

// exportPack writes a signed pack.
func (o *exportOptions) exportPack(ctx context.Context, c *config.Config) error {
	filter, err := o.filter.build(ctx, time.Now())
	if err != nil {
		return err
	}
	entriesOnly := filter
	entriesOnly.Tenant = nil
	switch {
	case o.key == "":
		return usagef("a pack is signed: --key names the private key that kvasir pack-key made")
	case o.pack == "-":
		return usagef("a pack is a file: name one after --pack")
	case !c.Cache.Persist:
		return usagef("with persist off there is no store to look into")
	case o.state && entriesOnly.Some():
		return usagef("--state packs all the state there is; of the filters, only --tenant goes with it")
	}
	key, err := pack.PrivateKey(o.key)
	if err != nil {
		return err
	}
	store, err := openStore(ctx, c, o.err, true)
	if err != nil {
		return err
	}
	line := newProgressLine(o.err)
	progress := func(entries, chunks int) {
		line.say("packing, %s and %s of state", base.Entries(entries), base.Count(chunks, "chunk", "chunks"))
	}
	began := time.Now()
	var out *setup.Packed
	size, err := writeOut(o.pack, func(w io.Writer) (err error) {
		out, err = setup.ExportPack(ctx, store, w, setup.PackOptions{Filter: filter, State: o.state, Key: key, Progress: progress})
		if err != nil {
			return err
		}
		return o.filter.checkTenant(c, out.Entries+out.Chunks)
	})
	line.clear()
	if err = errors.Join(err, store.Close()); err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(o.out).Encode(struct {
			File string `json:"file"`
			*setup.Packed
			Bytes        int64   `json:"bytes"`
			Milliseconds float64 `json:"ms"`
		}{o.pack, out, size, milliseconds(time.Since(began))})
	}
	fmt.Fprintf(o.err, "kvasir: packed %s and %s of state into %s, %d bytes\n", base.Entries(out.Entries), base.Count(out.Chunks, "chunk", "chunks"), o.pack, size)
	if out.Unreadable > 0 {
		fmt.Fprintf(o.err, "kvasir: note: left out %s whose file is gone or damaged, or that follow one; kvasir check says more\n", base.Count(out.Unreadable, "chunk", "chunks"))
	}
	return nil
}

// importPack stores what a signed pack holds.
func (o *importOptions) importPack(ctx context.Context, c *config.Config) error {
	if o.key == "" {
		return usagef("a pack is checked first: --key names the public key of whoever made it")
	}
	if err := o.check(c, o.pack); err != nil {
		return err
	}
	key, err := pack.PublicKey(o.key)
	if err != nil {
		return err
	}
	file, err := os.Open(o.pack)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if setup.NewStore(c) { // and none is to be left behind by a pack that is not sound
		if err := setup.VerifyPack(ctx, file, info.Size(), key); err != nil {
			return err
		}
	}
	store, err := openStore(ctx, c, o.err, false)
	if err != nil {
		return err
	}
	done := &importOutput{File: o.pack, began: time.Now()}
	line := newProgressLine(o.err)
	unpacked, err := setup.ImportPack(ctx, store, file, info.Size(), key, o.options(line, 0))
	line.clear()
	done.ImportResult, done.pack = &unpacked.ImportResult, unpacked
	done.Milliseconds = milliseconds(time.Since(done.began))
	if err == nil {
		err = o.index(ctx, store, done)
	}
	err = errors.Join(err, store.Close())
	return errors.Join(o.report(done), err)
}
