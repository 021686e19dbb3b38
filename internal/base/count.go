package base

import "fmt"

// Count is a number of things in words, such as "1 entry" and "2 entries".
func Count[N ~int | ~int64 | ~uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Entries is a number of entries in words.
func Entries[N ~int | ~int64 | ~uint64](n N) string { return Count(n, "entry", "entries") }
