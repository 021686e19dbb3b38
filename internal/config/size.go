package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// units of sizes, the largest first.
var units = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// parseSize reads a whole number with its unit, such as "64MiB", and "0".
func parseSize(text string) (int64, bool) {
	if text == "0" {
		return 0, true
	}
	for _, unit := range units {
		if digits, ok := strings.CutSuffix(text, unit.name); ok {
			n, err := strconv.ParseUint(digits, 10, 63)
			if err != nil || int64(n) > math.MaxInt64/unit.bytes {
				return 0, false
			}
			return int64(n) * unit.bytes, true
		}
	}
	return 0, false
}

// formatSize is the shortest text that parseSize reads back: the largest unit that leaves no rest.
func formatSize(n int64) string {
	for _, unit := range units {
		if n != 0 && n%unit.bytes == 0 {
			return strconv.FormatInt(n/unit.bytes, 10) + unit.name
		}
	}
	return "0"
}

// sizeValue is a number of bytes from low to high.
type sizeValue struct {
	p         *int64
	low, high int64
}

func (s sizeValue) get() any { return formatSize(*s.p) }

func (s sizeValue) want() string {
	return fmt.Sprintf(`a size in B, KiB, MiB or GiB, from "%s" to "%s"`, formatSize(s.low), formatSize(s.high))
}

func (s sizeValue) set(v any) bool {
	text, ok := v.(string)
	if !ok {
		return false
	}
	n, ok := parseSize(text)
	ok = ok && n >= s.low && n <= s.high
	if ok {
		*s.p = n
	}
	return ok
}
