package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

func newSeal(s streams) *cobra.Command {
	return resealCommand(s, "seal", "Encrypt a store with the key that cache.toml names", engine.GoalSealed)
}

func newUnseal(s streams) *cobra.Command {
	return resealCommand(s, "unseal", "Make an encrypted store plain again", engine.GoalPlain)
}

// sealSettings are what the commands of this file share.
type sealSettings struct {
	settings
	asJSON bool
}

func (f *sealSettings) addTo(cmd *cobra.Command) {
	f.add(cmd.Flags())
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
}

func (f *sealSettings) config() (*config.Config, error) {
	c, err := f.read()
	if err == nil && !c.Cache.Persist {
		return nil, usagef("with persist off there is no store")
	}
	return c, err
}

func resealCommand(s streams, name, short string, goal engine.Goal) *cobra.Command {
	var from sealSettings
	cmd := &cobra.Command{
		Use: name, Short: short, Args: noArguments,
		Long: short + ".\n\nNobody else may have the store meanwhile. It may be stopped at any moment; the same command goes on.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := from.config()
			if err != nil {
				return err
			}
			return reseal(cmd.Context(), s, c, name, goal, from.asJSON)
		},
	}
	from.addTo(cmd)
	return cmd
}

// reseal brings the store to a goal and says what was done.
func reseal(ctx context.Context, s streams, c *config.Config, name string, goal engine.Goal, asJSON bool) error {
	line := newProgressLine(s.err)
	counts := map[string]int{}
	done, err := setup.Reseal(ctx, c, goal, newLogger(s.err, false), func(what string, n int) {
		counts[what] += n
		line.say("%s: %d %s", name, counts[what], what)
	})
	line.clear()
	if err != nil {
		return err
	}
	folder, snapshot := c.Cache.Store()
	if _, err := os.Stat(snapshot); snapshot != "" && err == nil && goal == engine.GoalSealed {
		fmt.Fprintf(s.err, "kvasir: %s holds answers in the open; it is not written any more, and is yours to remove\n", snapshot)
	}
	if asJSON {
		return json.NewEncoder(s.out).Encode(map[string]any{
			"store": folder, "done": name, "records": done.Records, "chunks": done.Chunks, "lost": done.Lost})
	}
	states := map[engine.Goal]string{engine.GoalSealed: "is sealed", engine.GoalPlain: "is plain", engine.GoalRenewed: "has new keys"}
	fmt.Fprintf(s.out, "store %q %s: %s and %s of saved state were written anew\n", folder, states[goal],
		base.Count(done.Records, "record", "records"), base.Count(done.Chunks, "file", "files"))
	if done.Lost > 0 {
		fmt.Fprintf(s.out, "%s computed again\n", base.Count(done.Lost, "file of saved state could not be used and is gone; it is", "files of saved state could not be used and are gone; they are"))
	}
	if goal == engine.GoalPlain {
		fmt.Fprintln(s.out, "take key_file and key_env out of cache.toml now")
	}
	return nil
}

func newRekey(s streams) *cobra.Command {
	var from sealSettings
	var to setup.KeySource
	var data bool
	cmd := &cobra.Command{
		Use: "rekey", Short: "Give an encrypted store another key", Args: noArguments,
		Long: `Give an encrypted store another key.

--new-key-file and --new-key-env put another key in force in a moment, also while another kvasir has the store: the
key of cache.toml seals a few keys in the file keyring, which alone is written anew. --data makes new ones of those too,
and encrypts everything anew; nobody else may have the store meanwhile, and it may be stopped at any moment.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			given := to != setup.KeySource{}
			switch {
			case to.File != "" && to.Environment != "":
				return usagef("--new-key-file and --new-key-env are both given")
			case given == data:
				return usagef("one of --new-key-file, --new-key-env and --data has to be given")
			}
			c, err := from.config()
			if err != nil {
				return err
			}
			if data {
				return reseal(cmd.Context(), s, c, "rekey", engine.GoalRenewed, from.asJSON)
			}
			return rekey(s, c, to, from.asJSON)
		},
	}
	cmd.Flags().StringVar(&to.File, "new-key-file", "", "`file` with the new key")
	cmd.Flags().StringVar(&to.Environment, "new-key-env", "", "environment `variable` with the new key")
	cmd.Flags().BoolVar(&data, "data", false, "encrypt everything anew, with new keys under the same key")
	from.addTo(cmd)
	return cmd
}

func rekey(s streams, c *config.Config, to setup.KeySource, asJSON bool) error {
	if err := setup.Rekey(c, to); err != nil {
		return err
	}
	folder, _ := c.Cache.Store()
	if asJSON {
		return json.NewEncoder(s.out).Encode(map[string]any{"store": folder, "done": "rekey"})
	}
	place := "key_file = " + fmt.Sprintf("%q", to.File)
	if to.Environment != "" {
		place = "key_env = " + fmt.Sprintf("%q", to.Environment)
	}
	fmt.Fprintf(s.out, "store %q has the new key; say %s in cache.toml now\n", folder, place)
	return nil
}
