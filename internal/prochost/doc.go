// Package prochost starts a program, watches it, and starts it again when it dies. The program is an
// inference host, and its Host looks like one that never stops:
//
//	h, err := prochost.Open(ctx, prochost.Options{Path: "kvasir-llama", Load: load})
//	defer h.Close()
//	result, err := h.Generate(ctx, request, emit)
//
// or a process plugin:
//
//	p, err := prochost.OpenPlugin(ctx, prochost.PluginOptions{Name: "acme", Path: "acme-scorer"})
//	defer p.Close()
//	scores, err := p.Score(ctx, query, candidates)
//
// What happens when an inference host dies on its own, by an abort in C, a kill from outside or for lack
// of memory:
//
//   - A generation that had taken its slot fails with one base.ErrUnavailable that says how the
//     process ended. Its answer may have been cut off in the middle, so it is not tried again here.
//   - A generation still in the queue, and the short calls, are sent once more to the next process.
//   - A request that was being worked on at two deaths is refused with base.ErrInvalid for an hour
//     after the second, so that one bad prompt cannot keep the host down. Requests are told apart by
//     a hash of their content. The count does not know who killed the process: a request that an
//     operator's kill -9 met twice is refused too. An entry expires an hour after its last death.
//   - The process is started again at once, and at repeated deaths after 1, 2, 4, 8, 16 and then
//     always 30 seconds; a minute of health starts the count over. Requests that come meanwhile wait.
//   - If the model cannot be loaded again, the waiting requests get that error, and so do the ones that
//     come during the back-off; the first one after it makes another attempt.
//
// A plugin differs in that no client waits for it in earnest. A call has a deadline, is not tried again,
// and does not wait during a back-off: the cache does without the plugin then. OpenPlugin says which error
// means what.
//
// The process has a pipe of its own as standard input and ends when the pipe does, so it does not
// outlive this one, however this one ends. It is in a process group of its own: the terminal's
// Ctrl-C reaches only the parent, which answers what is in flight and then calls Close. Its socket is
// in a folder of mode 0700, removed by Close, or by the process itself when it finds its parent
// gone. If both are killed in the same instant, the folder stays behind in SocketDir.
//
// The package knows the contract of hostapi/process and no model, prompt, text or cache.
package prochost
