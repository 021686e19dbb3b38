package main

import (
	"io"

	"github.com/spf13/cobra"
)

// streams are the standard streams of a command.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:           "kvasir",
		Short:         "Answer prompts with llama.cpp on the CPU, the second time from disk",
		Version:       ownVersion(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q", args[0])
			}
			return cmd.Help()
		},
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newRun(s), newServe(s), newStats(s), newList(s), newGet(s), newRemove(s), newPin(s), newUnpin(s), newCompact(s), newBad(s), newExport(s), newImport(s), newPackKey(s), newSeal(s), newUnseal(s), newRekey(s), newWhy(s), newConfig(s), newEval(s), newCheck(s), newBench(s), newPlugin(s), newVersion(s))
	return root
}

// noArguments refuses arguments as a usage error.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("unexpected argument %q", args[0])
	}
	return nil
}
