package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"runtime"
)

// hardPrompt begins a prompt whose inference works until nobody waits for it.
const hardPrompt = "hard "

// workerRole is the argument with which this program is what works.
const workerRole = "worker"

// work keeps all processors busy, as the inference host does: from a process of its own and of the host's priority, with
// a thread on each, which read much memory. It returns when ctx ends.
func work(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "nice", "-n", "5", self, workerRole)
	in, err := cmd.StdinPipe() // whose end ends it, also when this process is gone
	if err != nil {
		return err
	}
	defer in.Close()
	if err := cmd.Run(); ctx.Err() == nil {
		return err
	}
	return ctx.Err()
}

// weights are more than the processors keep close to them.
const weights = 16 << 20 // numbers of four bytes

// workHard works until r ends.
func workHard(r io.Reader) {
	model := make([]float32, weights)
	for i := range model {
		model[i] = float32(i)
	}
	for range runtime.NumCPU() {
		go func() {
			sums := make([]float32, 8)
			for i := 0; ; i = (i + 8) % weights {
				for k := range sums {
					sums[k] += model[i+k]
				}
			}
		}()
	}
	_, _ = io.Copy(io.Discard, r)
}
