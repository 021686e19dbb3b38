// Package hosttest is a deterministic fake inference host for other packages' tests. It implements
// base.Host in memory, in microseconds, and a test can say beforehand what it will answer:
//
//	h := hosttest.New(hosttest.Options{})
//	result, _ := h.Generate(ctx, &base.Request{Prompt: "hello"}, emit)
//	// result.Text == hosttest.Answer("hello")
//
// A token is a word with the space before it, or a single other character; its id is a hash of its
// text. The chat template is ChatML. Prefill takes 1 ms a token and decode 10 ms a token according to
// the result's timings, whatever the clock says.
//
// It saves state too: the state of a token is its id, in real chunk files, and a chunk that holds the state
// of other tokens is refused.
//
// Gates hold a generation at a point without a sleep, Fail forces errors, and magic words in a prompt
// make the host hang, abort or panic. Package testproc runs the same host as a real process. The host
// reads no model and resembles none.
package hosttest
