//go:build llama

package llama

/*
#cgo pkg-config: llama
#cgo CXXFLAGS: -std=c++17 -O2 -Wall
#cgo CFLAGS: -O2 -Wall
#include <stdlib.h>
#include <llama.h>
#include <ggml.h>
#include <kvasir_build.h>
#include "backend.h"
*/
import "C"

import (
	"strings"
	"sync"
)

// Build facts, fixed when llama.cpp was compiled.
const (
	// SourceTree is the git tree hash of the llama.cpp source, with a suffix if it was modified.
	SourceTree = C.KVASIR_LLAMA_TREE
	// BuildFlags names the compiler and the flags that reach the kernels.
	BuildFlags = C.KVASIR_LLAMA_BUILD
	// CPUBuilt lists the CPU features the kernels were compiled to use, comma-separated, in the
	// spelling of /proc/cpuinfo.
	CPUBuilt = C.KVASIR_CPU_BUILT
)

var initBackend = sync.OnceFunc(func() {
	C.kvasir_backend_init()
})

// Version returns llama.cpp's own version string.
//
//	const char * llama_version(void);
func Version() string { return C.GoString(C.llama_version()) }

// BuildInfo says in one line which llama.cpp this binary holds and how it was built.
func BuildInfo() string {
	return "llama.cpp " + Version() + ", tree " + SourceTree + ", " + BuildFlags + ", CPU features " + CPUBuilt
}

// releaseFreed gives freed C memory back to the system.
func releaseFreed() { C.kvasir_trim() }

// logTail keeps the last error lines of llama.cpp's log, since its loaders report failure only
// there. llama.cpp's log is one stream for the whole process, so this is too.
var logTail struct {
	sync.Mutex
	lines []string
}

const logTailLines = 4

//export kvasirLogError
func kvasirLogError(text *C.char) {
	line := strings.TrimSpace(C.GoString(text))
	if line == "" {
		return
	}
	logTail.Lock()
	defer logTail.Unlock()
	if len(logTail.lines) == logTailLines {
		logTail.lines = logTail.lines[1:]
	}
	logTail.lines = append(logTail.lines, line)
}

// takeLogTail returns the last error lines joined with "; " and forgets them.
func takeLogTail() string {
	logTail.Lock()
	defer logTail.Unlock()
	text := strings.Join(logTail.lines, "; ")
	logTail.lines = nil
	return text
}
