//go:build llama

package llama

import (
	"math"
	"os"
)

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
