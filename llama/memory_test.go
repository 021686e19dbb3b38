package llama

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

func TestFootprint_RefusesWhatDoesNotFit(t *testing.T) {
	need := footprint{weights: 4 << 30, kv: 1 << 30, working: 100 << 20}
	o := base.LoadOptions{Model: "big.gguf", Parallel: 2, Context: 8192}
	if err := need.check(o, 6<<30); err != nil {
		t.Error(err)
	}
	err := need.check(o, 2<<30)
	if !errors.Is(err, base.ErrModel) || base.Hint(err) == "" {
		t.Fatalf("error %v, hint %q", err, base.Hint(err))
	}
	for _, want := range []string{`"big.gguf" needs 5.1 GiB`, "weights 4.0 GiB", "KV 1.0 GiB for 2 × 8192 tokens", "2.0 GiB are free"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
}

func TestMemAvailable(t *testing.T) {
	const meminfo = "MemTotal:       24604712 kB\nMemFree:         9000000 kB\nMemAvailable:   20480000 kB\n"
	for text, want := range map[string]int64{
		meminfo:                        20480000 << 10,
		"MemTotal: 1 kB\n":             math.MaxInt64,
		"MemAvailable: lots kB\n":      math.MaxInt64,
		"":                             math.MaxInt64,
		"MemAvailable:\nMemAvailable:": math.MaxInt64,
	} {
		if got := memAvailable(text); got != want {
			t.Errorf("memAvailable(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestGroupAvailable(t *testing.T) {
	for _, c := range []struct {
		limit, used, stat string
		want              int64
	}{
		{"max\n", "5\n", "", math.MaxInt64},
		{"1000\n", "400\n", "", 600},
		{"1000", "2000", "", 0},
		{"", "", "", math.MaxInt64},
		{"1000", "900", "anon 100\nfile 800\ninactive_file 500\nactive_file 300\n", 900},
		{"1000", "100", "active_file 300\n", 1000},
		{"1000", "900", "active_file lots\n", 100},
	} {
		if got := groupAvailable(c.limit, c.used, c.stat); got != c.want {
			t.Errorf("groupAvailable(%q, %q) = %d, want %d", c.limit, c.used, got, c.want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1 << 20: "1.0 MiB", 5 << 29: "2.5 GiB", math.MaxInt64: "8.0 EiB"} {
		if got := memorySize(n); got != want {
			t.Errorf("memorySize(%d) = %q, want %q", n, got, want)
		}
	}
}
