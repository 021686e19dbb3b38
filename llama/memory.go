package llama

import (
	"fmt"
	"math"
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
			o.Model, memorySize(f.total()), memorySize(f.weights), memorySize(f.kv), o.Parallel, o.Context, memorySize(f.working), memorySize(available)),
		Hint: "lower the context (--context), choose a smaller KV type (--kv-type), or load it all the same with --ignore-memory"}
}

// memorySize prints bytes for people.
func memorySize(n int64) string {
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

// groupAvailable counts cached files as free, as MemAvailable does: a model that ran before is there.
func groupAvailable(limit, used, stat string) int64 {
	most, errMost := strconv.ParseInt(strings.TrimSpace(limit), 10, 64)
	now, errNow := strconv.ParseInt(strings.TrimSpace(used), 10, 64)
	if errMost != nil || errNow != nil { // "max" means no limit
		return math.MaxInt64
	}
	for line := range strings.Lines(stat) {
		fields := strings.Fields(line)
		if len(fields) == 2 && (fields[0] == "active_file" || fields[0] == "inactive_file") {
			cached, _ := strconv.ParseInt(fields[1], 10, 64)
			now -= cached
		}
	}
	return max(0, min(most-now, most))
}
