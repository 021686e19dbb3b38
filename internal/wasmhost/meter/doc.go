// Package meter rewrites a WebAssembly module so that a host can bound what it does. Plugins are
// not trusted, and the engine that runs them has no step counter of its own.
//
//	rewritten, info, err := meter.Rewrite(module, meter.Limits{})
//
// The rewritten module computes what the original did. Besides, it keeps two exported globals of
// type (mut i64) and imports one function:
//
//   - StepsGlobal is a counter that falls. When it is below zero the guest calls the tick function.
//   - DepthGlobal is how many calls may still nest. It falls on entry and rises on every way out.
//   - TickModule, TickName is a function of type () -> (). It must end the call when DepthGlobal is
//     below zero, the budget is spent or the deadline has passed, and otherwise set StepsGlobal to
//     what may be used next. What was used so far is what it last set minus what it finds, which is
//     more than it set when one instruction was dear.
//
// Before each call into the guest the host sets both globals. After a trap a call has not come back
// through its exits, so the instance is thrown away. A fresh module starts with no steps, so that a
// host which forgets them is asked at once.
//
// # What is charged
//
//   - one step on entry to a function, one on each iteration of a loop, one for each call that
//     names an imported function;
//   - one step for every 512 instructions a path executes beyond that. A branch, call or return
//     weighs as many instructions as it moves values, and a few that leave compiled code weigh 64;
//   - before memory.fill, copy and init one step and one more for each 128 bytes; before
//     table.fill, copy, init and grow the same, with 8 bytes for an element; before memory.grow
//     one step and 16 a page, also if it fails.
//
// So a call that executes n instructions is charged at least n/512 steps on every path. What runs
// is charged and not what is written: a large function around a dispatch loop pays for the cases it
// takes. Where paths meet, the longer one counts, so that some are charged for a little more than
// they ran.
//
// # What is refused
//
// The pass refuses what it cannot decode or bound: components, garbage-collected types, exceptions,
// tail calls, threads, 64-bit and several memories, relaxed SIMD, start functions, imported memories,
// tables and globals, and whatever passes Limits. It writes every index, length and constant anew in
// its shortest form, so that its reader and the engine's cannot disagree about where an instruction
// begins. It does not check types: the engine validates what the pass wrote.
//
// Custom sections, names and debug information among them, are left out of the rewritten module
// and returned in Info.
package meter
