// Command kvasir-llama is the inference host that kvasir starts: llama.cpp in a process of its own.
// People do not run it by hand, except as kvasir-llama --version.
package main

import (
	"fmt"
	"os"

	"github.com/kvasir-cache/kvasir/hostapi/process"
	"github.com/kvasir-cache/kvasir/llama"
)

// niceness leaves the processor to kvasir, which answers from the cache while the model computes,
// and to the rest of the machine.
const niceness = 5

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println(llama.BuildInfo())
		return
	}
	warnIf("sleep between work", sleepBetweenWork())
	warnIf("run at low priority", beNice(niceness))
	process.Serve(process.BackendFunc(llama.Load))
}

// warnIf reports what only costs speed.
func warnIf(what string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "kvasir-llama: warning: cannot %s: %v\n", what, err)
	}
}
