package llama

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// missingFeatures returns the CPU features in built, a comma-separated list, that have lacks.
func missingFeatures(built string, have []string) []string {
	var missing []string
	for _, f := range strings.Split(built, ",") {
		if f != "" && !slices.Contains(have, f) {
			missing = append(missing, f)
		}
	}
	return missing
}

// checkCPU refuses a processor that lacks features the kernels were compiled to use; running them
// would end the process by SIGILL. Where the features cannot be listed it lets the kernels try.
func checkCPU(built string, have []string) error {
	if len(have) == 0 {
		return nil
	}
	missing := missingFeatures(built, have)
	if len(missing) == 0 {
		return nil
	}
	return &base.Error{Sentinel: base.ErrModel,
		Message: fmt.Sprintf("this processor lacks %s, which kvasir-llama was compiled to use", strings.Join(missing, ", ")),
		Hint:    "build it on this machine, or for any x86-64 of the last ten years with KVASIR_CPU=x86-64-v3 make build"}
}
