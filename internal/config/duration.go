package config

import (
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// maxDays bounds durations: about a hundred years, well inside time.Duration.
const maxDays = 36500

// parseDuration reads what time.ParseDuration reads, without a sign, and whole days before it: "3d",
// "1d12h".
func parseDuration(text string) (time.Duration, bool) {
	if strings.ContainsAny(text, "+-") {
		return 0, false
	}
	var sum time.Duration
	if days, rest, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 32)
		if err != nil || n > maxDays {
			return 0, false
		}
		if sum = time.Duration(n) * day; rest == "" {
			return sum, true
		}
		text = rest
	}
	d, err := time.ParseDuration(text)
	if err != nil || d > maxDays*day-sum {
		return 0, false
	}
	return sum + d, true
}

// ParseDuration reads a time as keys of the file are written: "90m", "72h", "3d", "1d12h".
func ParseDuration(text string) (time.Duration, bool) { return parseDuration(text) }

// formatDuration is the shortest text that parseDuration reads back: "72h", "3d12h", "250ms". Days
// are used from a week up, so that a value written in hours looks like itself.
func formatDuration(d time.Duration) string {
	text := ""
	if d >= 7*day {
		text = strconv.FormatInt(int64(d/day), 10) + "d"
		if d %= day; d == 0 {
			return text
		}
	}
	if d == 0 {
		return "0"
	}
	rest := d.String()
	if cut, ok := strings.CutSuffix(rest, "m0s"); ok {
		rest = cut + "m"
	}
	if cut, ok := strings.CutSuffix(rest, "h0m"); ok {
		rest = cut + "h"
	}
	return text + rest
}
