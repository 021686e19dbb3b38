// Command guest is a plugin in Go for the tests of the metering pass.
package main

import (
	"sort"
	"strings"
)

func main() {}

//go:wasmexport words
func words(n int32) int64 {
	counts := map[string]int{}
	text := strings.Repeat("the quick brown fox jumps over the lazy dog and the fox ", int(n))
	for _, w := range strings.Fields(text) {
		counts[w]++
	}
	var names []string
	for w := range counts {
		names = append(names, w)
	}
	sort.Strings(names)
	var hash uint64 = 14695981039346656037
	for _, w := range names {
		for _, b := range []byte(w) {
			hash = (hash ^ uint64(b)) * 1099511628211
		}
		hash += uint64(counts[w])
	}
	return int64(hash)
}

//go:wasmexport bytes
func bytes(n int32) int32 {
	text := []byte(strings.Repeat("Some Text   with  Blanks ", 40))
	var sum int32
	for range n {
		blank := false
		for i, b := range text {
			if b >= 'A' && b <= 'Z' {
				b += 'a' - 'A'
			}
			if b == ' ' && blank {
				continue
			}
			blank = b == ' '
			sum = sum*31 + int32(b) + int32(i)
		}
	}
	return sum
}

//go:wasmexport recurse
func recurse(n int32) int32 {
	if n == 0 {
		return 0
	}
	return recurse(n-1) + 1
}
