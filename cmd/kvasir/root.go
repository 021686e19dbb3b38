package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kvasir-cache/kvasir/internal/base"
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
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if args := cmd.Flags().Args(); !cmd.HasParent() && len(args) > 0 {
			return unknownCommand(cmd, args[0]) // whose flags they are
		}
		if text, _, parsed := strings.Cut(err.Error(), ": strconv."); parsed {
			return usagef("%s: it is no number, or too large", text)
		}
		return usageError{err}
	})
	root.AddCommand(newRun(s), newServe(s), newStats(s), newList(s), newGet(s), newRemove(s), newPin(s), newUnpin(s), newCompact(s), newBad(s), newExport(s), newImport(s), newPackKey(s), newSeal(s), newUnseal(s), newRekey(s), newWhy(s), newConfig(s), newEval(s), newCheck(s), newBench(s), newPlugin(s), newVersion(s))
	root.SetHelpCommand(newHelp(root))
	root.InitDefaultCompletionCmd()
	refuseUnknown(root)
	return root
}

// newHelp is cobra's help, but it fails where there is no such command.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Help about any command",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || cmd.HasSubCommands() && len(rest) > 0 {
				return unknownCommand(cmd, rest[0])
			}
			return cmd.Help()
		},
	}
}

// refuseUnknown has commands that only hold others fail where they are given the name of none.
func refuseUnknown(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		if cmd.HasSubCommands() && !cmd.Runnable() {
			cmd.Args = cobra.ArbitraryArgs
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				if len(args) > 0 {
					return unknownCommand(cmd, args[0])
				}
				return cmd.Help()
			}
		}
	}
}

// unknownCommand is the mistake of naming no command below cmd, with those that are nearly called that.
func unknownCommand(cmd *cobra.Command, name string) error {
	err := fmt.Errorf("unknown command %q", name)
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		hint := "did you mean " + strings.TrimSpace(cmd.CommandPath()+" "+strings.Join(near, " or ")) + "?"
		return usageError{&base.Error{Sentinel: base.ErrInvalid, Message: err.Error(), Hint: hint}}
	}
	return usageError{err}
}

// noArguments refuses arguments as a usage error.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("unexpected argument %q", args[0])
	}
	return nil
}
