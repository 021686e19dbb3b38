package llama

import (
	"fmt"
	"strings"

	"github.com/klauspost/cpuid/v2"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// checkCPU refuses a processor that lacks a feature the kernels were compiled to use, a comma-separated
// list; running them would end the process by SIGILL.
func checkCPU(built string, has func(name string) bool) error {
	var missing []string
	for name := range strings.SplitSeq(built, ",") {
		if name != "" && !has(name) {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &base.Error{Sentinel: base.ErrModel,
		Message: fmt.Sprintf("this processor lacks %s, which kvasir-llama was compiled to use", strings.Join(missing, ", ")),
		Hint:    "build it on this machine, or for any x86-64 of the last ten years with KVASIR_CPU=x86-64-v3 make build"}
}

// cpuHas reports whether the processor has a feature and the system lets programs use it. It asks the
// processor: /proc/cpuinfo leaves features out on some virtual machines, and compilers do not ask it.
func cpuHas(name string) bool { return cpuid.CPU.Supports(feature(name)) }

// feature is cpuid's name for a feature in the spelling of /proc/cpuinfo.
func feature(name string) cpuid.FeatureID {
	switch name {
	case "pni":
		name = "sse3"
	case "abm":
		name = "lzcnt"
	case "sse4_1":
		name = "sse4"
	case "sse4_2":
		name = "sse42"
	case "fma":
		name = "fma3"
	}
	return cpuid.ParseFeature(strings.ReplaceAll(name, "_", ""))
}
