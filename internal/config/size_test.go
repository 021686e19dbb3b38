package config

import (
	"math"
	"testing"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "0B": 0, "0GiB": 0, "1B": 1, "64KiB": 64 << 10, "64MiB": 64 << 20, "1GiB": 1 << 30, "1024MiB": 1 << 30,
		"007KiB": 7 << 10, "9223372036854775807B": math.MaxInt64, "8589934591GiB": 8589934591 << 30,
	} {
		if got, ok := parseSize(text); !ok || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, ok, want)
		}
	}
}

func TestParseSize_Refuses(t *testing.T) {
	for _, text := range []string{
		"", "64", "B", "MiB", "64MB", "64M", "64mib", "64 MiB", " 64MiB", "64MiB ", "-1MiB", "+1MiB", "1.5GiB", "1GiB1MiB",
		"1_000B", "0x10B", "9223372036854775808B", "8589934592GiB", "99999999999999999999B",
	} {
		if got, ok := parseSize(text); ok {
			t.Errorf("%q: got %v, want none", text, got)
		}
	}
}

func TestFormatSize(t *testing.T) {
	for want, n := range map[string]int64{
		"0": 0, "1B": 1, "1023B": 1023, "1KiB": 1 << 10, "1025B": 1025, "1536KiB": 3 << 19, "64MiB": 64 << 20, "1GiB": 1 << 30,
		"9223372036854775807B": math.MaxInt64,
	} {
		if got := formatSize(n); got != want {
			t.Errorf("%v: got %q, want %q", n, got, want)
		}
	}
}

func FuzzSize(f *testing.F) {
	for _, text := range []string{"64MiB", "0", "0KiB", "1GiB", "1.5MiB", "-1B", "8589934592GiB", "65537B", "BB", "KiB"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, ok := parseSize(text)
		if !ok {
			return
		}
		if n < 0 {
			t.Fatalf("%q is %v", text, n)
		}
		if again, ok := parseSize(formatSize(n)); !ok || again != n {
			t.Fatalf("%q: %v became %q and then %v, %v", text, n, formatSize(n), again, ok)
		}
	})
}
