package config

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "0d": 0, "250ms": 250 * time.Millisecond, "72h": 72 * time.Hour, "3d": 72 * time.Hour,
		"1d12h": 36 * time.Hour, "1.5h": 90 * time.Minute, "1h30m": 90 * time.Minute, "36500d": maxDays * day,
	} {
		if got, ok := parseDuration(text); !ok || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, ok, want)
		}
	}
}

func TestParseDuration_Refuses(t *testing.T) {
	for _, text := range []string{
		"", "d", "72", "-1h", "+1h", "-1d", "1d-1h", "1d+1h", "1dd", "1.5d", "3 d", "1d 1h", "36501d", "99999999999999999999d",
		"876001h", "1w", "1h1d", "NaNh", "1e3s",
	} {
		if got, ok := parseDuration(text); ok {
			t.Errorf("%q: got %v, want none", text, got)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0": 0, "72h": 72 * time.Hour, "7d": 7 * day, "7d1m": 7*day + time.Minute, "250ms": 250 * time.Millisecond,
		"1h30m": 90 * time.Minute, "30m": 30 * time.Minute, "10m10s": 610 * time.Second, "36500d": maxDays * day,
		"20h0m20s": 20*time.Hour + 20*time.Second,
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}

func FuzzDuration(f *testing.F) {
	for _, text := range []string{"72h", "1d12h", "0", "36500d36500d", "1.000000001h", "9d9d", "-1d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, ok := parseDuration(text)
		if !ok {
			return
		}
		if d < 0 || d > maxDays*day {
			t.Fatalf("%q is %v", text, d)
		}
		if again, ok := parseDuration(formatDuration(d)); !ok || again != d {
			t.Fatalf("%q: %v became %q and then %v, %v", text, d, formatDuration(d), again, ok)
		}
	})
}
