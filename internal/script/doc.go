// Package script runs plugins written in Starlark, a small dialect of Python, as hostapi.Plugin.
//
//	p, err := script.Load(ctx, script.Options{Path: "hooks.star", Name: "hooks"})
//	…
//	decision, err := p.Hook(ctx, event)
//	…
//	err = p.Close()
//
// A file is run once, at load; what it leaves behind is frozen, and its functions normalize, features,
// score and on_… are then called from any number of goroutines at a time, each on a thread of its own.
// docs/plugins/scripts.md is the guide for those who write them.
//
// # What a script cannot do
//
// There is no clock, no random source, no file, no network and no load: the same call gives the same
// result. There is no recursion and no while, so a call ends; a step limit says when.
//
// The interpreter counts a step for each instruction, but an instruction may be "x" * 1000000000, a
// comparison of two lists that hold each other a million times, or the product of two numbers of a
// million digits: it can take any memory and any time, and nothing interrupts it. So before it is
// compiled, a file is rewritten: whatever may work in proportion to its operands becomes a call of a
// guarded function that weighs the operands first and charges the account of the call with steps and
// bytes. Operators, slices, subscripts, methods of built-in types and the built-in functions are
// guarded. What stays as it is takes constant time and at most a few hundred bytes an instruction.
//
// An account has a number of steps, which the call's limit gives, and a number of bytes, which counts
// everything that guarded operations allocate, also what is garbage by then. Both are deterministic.
// The context of a call is looked at every checkSteps steps.
//
// What remains: unguarded instructions, such as those that make a small list, take at most about 100 bytes
// a step that no account counts (a test measures it); a dict whose keys were made to share a hash takes
// time that its steps do not show, up to the wall limit; and the parser, which runs before there is an
// account, is given at most MaxSource bytes.
package script
