//go:build llama

package llama

import (
	"math"
	"os"
	"strings"
)

// cpuFeatures lists the flags of the first processor in /proc/cpuinfo, or nothing where there is none.
func cpuFeatures() []string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "flags" {
			return strings.Fields(value)
		}
	}
	return nil
}

// availableMemory returns what this process may still use: the system's available memory, or what
// its control group (version 2, as a container sees its own) leaves if that is less. Unknown is MaxInt64.
func availableMemory() int64 {
	available := int64(math.MaxInt64)
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		available = min(available, memAvailable(string(text)))
	}
	limit, errLimit := os.ReadFile("/sys/fs/cgroup/memory.max")
	used, errUsed := os.ReadFile("/sys/fs/cgroup/memory.current")
	if errLimit == nil && errUsed == nil {
		stat, _ := os.ReadFile("/sys/fs/cgroup/memory.stat")
		available = min(available, groupAvailable(string(limit), string(used), string(stat)))
	}
	return available
}
