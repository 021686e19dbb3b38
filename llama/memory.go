package llama

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// footprint is what a model needs in memory, in bytes.
type footprint struct {
	weights int64
	kv      int64
	working int64 // compute buffers, estimated
}

func (f footprint) total() int64 { return f.weights + f.kv + f.working }

// check refuses a footprint that available memory, in bytes, cannot hold.
func (f footprint) check(o base.LoadOptions, available int64) error {
	if f.total() <= available {
		return nil
	}
	return &base.Error{Sentinel: base.ErrModel,
		Message: fmt.Sprintf("model %q needs %s (weights %s, KV %s for %d × %d tokens, working memory about %s); %s are free",
			o.Model, size(f.total()), size(f.weights), size(f.kv), o.Parallel, o.Context, size(f.working), size(available)),
		Hint: "lower --context or --parallel, choose a smaller --kv-type, or load it all the same with --ignore-memory"}
}

// size prints bytes for people.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/1024, 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	return fmt.Sprintf("%.1f %ciB", v, units[i])
}

// availableMemory returns what this process may still use: the system's available memory, or what
// its control group leaves if that is less. Unknown is MaxInt64.
func availableMemory() int64 {
	available := int64(math.MaxInt64)
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		available = min(available, memAvailable(string(text)))
	}
	limit, errLimit := os.ReadFile("/sys/fs/cgroup/memory.max")
	used, errUsed := os.ReadFile("/sys/fs/cgroup/memory.current")
	if errLimit == nil && errUsed == nil {
		available = min(available, groupAvailable(string(limit), string(used)))
	}
	return available
}

func memAvailable(meminfo string) int64 {
	for line := range strings.Lines(meminfo) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "MemAvailable:" && fields[2] == "kB" {
			if n, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				return n << 10
			}
		}
	}
	return math.MaxInt64
}

func groupAvailable(limit, used string) int64 {
	most, errMost := strconv.ParseInt(strings.TrimSpace(limit), 10, 64)
	now, errNow := strconv.ParseInt(strings.TrimSpace(used), 10, 64)
	if errMost != nil || errNow != nil { // "max" means no limit
		return math.MaxInt64
	}
	return max(0, most-now)
}
