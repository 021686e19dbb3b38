package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestProblems_CanBeTakenApart(t *testing.T) {
	_, err := Load(write(t, "[cache]\nmode = \"x\"\n\n  ttll = 3\n"))
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 2 {
		t.Fatalf("got %v, want two problems", err)
	}
	first, second := problems[0], problems[1]
	if first.Line != 2 || first.Column != 8 || first.Key != "cache.mode" {
		t.Errorf("first: got %+v", first)
	}
	if second.Line != 4 || second.Column != 3 || second.Key != "cache.ttll" {
		t.Errorf("second: got %+v", second)
	}
	var one *Problem
	if !errors.As(err, &one) || *one != first {
		t.Errorf("got %v, want the first problem", one)
	}
}

func TestProblems_ManyAreCutShort(t *testing.T) {
	var text strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&text, "key%d = 1\n", i)
	}
	_, err := Load(write(t, text.String()))
	if got := strings.Count(err.Error(), "unknown key"); got != maxShown {
		t.Errorf("%d problems are shown, want %d", got, maxShown)
	}
	if want := fmt.Sprintf("and %d more", maxProblems-maxShown); !strings.HasSuffix(err.Error(), want) {
		t.Errorf("the end is not %q", want)
	}
}

func TestNearest(t *testing.T) {
	keys := childNames(Default().cacheNode())
	for name, want := range map[string]string{
		"maxentries": "max_entries", "Max-Entries": "max_entries", "max": "max_bytes", "entries": "",
		"tll": "ttl", "TTL": "ttl", "ttlhours": "ttl", "presist": "persist", "flush": "flush_interval",
		"fil": "file", "mod": "mode", "stratgey": "strategy", "x": "", "": "", "threshold": "",
	} {
		if got := nearest(name, keys); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "xabc", 1}, {"kitten", "sitting", 3}} {
		if got, back := distance(c.a, c.b), distance(c.b, c.a); got != c.want || back != c.want {
			t.Errorf("%q and %q: got %d and %d, want %d", c.a, c.b, got, back, c.want)
		}
	}
}

func TestHomes_NameEveryTable(t *testing.T) {
	for name, want := range map[string]string{
		"persist": "[cache]", "threshold": "[strategy.NAME]", "model": "[host]", "scale": "[[host.adapter]]",
		"program": "[plugin.NAME] or [host]", "path": "[plugin.NAME] or [[host.adapter]]", "grants": "[plugin.NAME]",
		"on_hit": "[plugin.NAME.script]", "adapter": "[host]",
	} {
		if got := homes()[name]; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
