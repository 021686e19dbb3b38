package llama

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/cpuid/v2"

	"github.com/kvasir-cache/kvasir/internal/base"
)

func TestCheckCPU(t *testing.T) {
	has := func(names ...string) func(string) bool {
		return func(name string) bool { return slices.Contains(names, name) }
	}
	if err := checkCPU("avx,avx2", has("sse", "avx", "avx2")); err != nil {
		t.Error(err)
	}
	if err := checkCPU("", has()); err != nil {
		t.Errorf("kernels that use nothing special: %v", err)
	}
	err := checkCPU("avx,avx512f,amx_int8", has("avx"))
	if !errors.Is(err, base.ErrModel) || !strings.Contains(err.Error(), "avx512f, amx_int8") {
		t.Errorf("error %v, want the missing features named", err)
	}
}

// TestFeature_KnowsEveryNameTheBuildWrites reads the names from the script that writes them.
func TestFeature_KnowsEveryNameTheBuildWrites(t *testing.T) {
	script, err := os.ReadFile("../scripts/cpu-features")
	if err != nil {
		t.Fatal(err)
	}
	pairs := regexp.MustCompile(`\b[A-Z][A-Z0-9_]+ ([a-z][a-z0-9_]+)\b`).FindAllStringSubmatch(string(script), -1)
	if len(pairs) < 30 {
		t.Fatalf("found %d names in the script", len(pairs))
	}
	for _, pair := range pairs {
		if feature(pair[1]) == cpuid.UNKNOWN {
			t.Errorf("feature %q is unknown, so every processor would lack it", pair[1])
		}
	}
}
