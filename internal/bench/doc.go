// Package bench measures what the cache saves: the same requests are answered in two ways, one request after
// the other, and the times are compared.
//
//	r := &bench.Repeat{Stream: stream, Without: plain, With: cached, Seed: 1}
//	err := r.Run(ctx, progress)
//	report := r.Report()
//	err = report.WriteText(os.Stdout)
//
// The ways take turns at every request, so that what else the machine does slows both alike: the ratio holds on
// a busy machine, the times do not. It starts no process and opens no store; who calls it brings both.
package bench
