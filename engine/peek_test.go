package engine

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// stored makes a store that remembers the answer to "a", and closes it.
func stored(t *testing.T, o Options) {
	t.Helper()
	e := openEngine(t, o)
	remember(t, e, ask("a"), "answer")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// contents reads all files of a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		files[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestPeek_SeesWhatLookupFindsAndChangesNothingElse(t *testing.T) {
	c := newClock()
	o := Options{Dir: t.TempDir() + "/db", Now: c.Now}
	stored(t, o)
	c.advance(time.Hour)
	before := contents(t, o.Dir)
	const times = 3
	for range times {
		p := Peek(o, ask("a"))
		if p == nil {
			t.Fatal("nothing seen")
		}
		var said strings.Builder
		a, err := p.Serve(t.Context(), ask("a"), func(c Chunk) error { said.WriteString(c.Text); return nil })
		if err != nil || said.String() != "answer" || a.Result.Text != "answer" || len(a.Result.Tokens) != 2 ||
			a.Action != base.ActionAnswer || a.Kind != base.KindExact || a.Saved <= 0 || a.Saved > 4*time.Second ||
			a.Reason != "exactly this request was answered 1 hour ago" {
			t.Fatalf("%+v, %v, said %q", a, err, said.String())
		}
	}
	after := contents(t, o.Dir)
	if len(after["hits.0"]) != times*keyspace.HitSize {
		t.Errorf("the file of hits has %d bytes", len(after["hits.0"]))
	}
	delete(after, "hits.0")
	if !maps.Equal(before, after) {
		t.Errorf("files changed: %q became %q", slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
	}
	e := openEngine(t, o)
	if f := look(t, e, ask("a")); f.Reason != "exactly this request was answered 1 hour ago" {
		t.Errorf("Lookup says %q", f.Reason)
	}
}

func TestPeek_HitsCountOnceInTheStore(t *testing.T) {
	c := newClock()
	o := Options{Dir: t.TempDir() + "/db", Now: c.Now}
	stored(t, o)
	wantCounts := func(when string, hits float64) {
		t.Helper()
		e := openEngine(t, o)
		defer e.Close()
		stats := statsOf(e)
		for name, want := range map[string]float64{
			"cache.lookups": hits, "cache.hit_exact_bytes": hits, "cache.saved_ms": 4000 * hits, "cache.size": 1,
		} {
			if stats[name] != want {
				t.Errorf("%s: %s = %v, want %v", when, name, stats[name], want)
			}
		}
		list, _, err := e.List(t.Context(), "", 10)
		if err != nil || len(list) != 1 || list[0].Uses != uint64(hits) {
			t.Errorf("%s: %+v, %v", when, list, err)
		}
	}
	peek := func() {
		t.Helper()
		if Peek(o, ask("a")) == nil {
			t.Fatal("nothing seen")
		}
	}
	peek()
	peek()
	file := filepath.Join(o.Dir, "hits.0")
	taken, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	wantCounts("after two", 2)
	if err := os.WriteFile(file, taken, 0o600); err != nil { // as if the machine had stopped before it was removed
		t.Fatal(err)
	}
	wantCounts("with the file left behind", 2)
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file that was taken in is still there: %v", err)
	}
	peek()
	wantCounts("after three", 3)
}

func TestPeek_DamagedHitsAreLeftOut(t *testing.T) {
	o := Options{Dir: t.TempDir() + "/db"}
	stored(t, o)
	for range 3 {
		Peek(o, ask("a"))
	}
	file := filepath.Join(o.Dir, "hits.0")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[0] ^= 1
	if err := os.WriteFile(file, data[:len(data)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if got := statsOf(openEngine(t, o))["cache.hit_exact"]; got != 1 {
		t.Errorf("%v hits, want the one that is whole", got)
	}
}

// A full disk cuts a line off; those that others write behind it count.
func TestPeek_CountsBehindALineThatWasCutOff(t *testing.T) {
	o := Options{Dir: t.TempDir() + "/db"}
	stored(t, o)
	for range 2 {
		Peek(o, ask("a"))
	}
	if err := os.Truncate(filepath.Join(o.Dir, "hits.0"), keyspace.HitSize+5); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		Peek(o, ask("a"))
	}
	if got := statsOf(openEngine(t, o))["cache.hit_exact"]; got != 4 {
		t.Errorf("%v hits, want the four that are whole", got)
	}
}

// A full file of hits means that the store has to be opened for writing.
func TestPeek_SeesNothingOnceTheFileOfHitsIsFull(t *testing.T) {
	o := Options{Dir: t.TempDir() + "/db"}
	stored(t, o)
	file := bytes.Repeat(keyspace.AppendHit(nil, keyspace.Hit{Entry: 1}), mostHits)
	if err := os.WriteFile(filepath.Join(o.Dir, "hits.0"), file, 0o600); err != nil {
		t.Fatal(err)
	}
	if Peek(o, ask("a")) != nil {
		t.Error("a hit was seen that could not be counted")
	}
	e := openEngine(t, o)
	if got := statsOf(e)["cache.hit_exact"]; got != mostHits {
		t.Errorf("%v hits, want %d", got, mostHits)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if Peek(o, ask("a")) == nil {
		t.Error("nothing seen after the hits were taken in")
	}
}

func TestPeek_LeavesWhatIsNoExactHitToOthers(t *testing.T) {
	c := newClock()
	o := Options{Dir: t.TempDir() + "/db", Now: c.Now, StrategyNames: []string{"mine"}}
	stored(t, o)
	with := func(change func(*Query)) *Query {
		q := ask("a")
		change(q)
		return q
	}
	long := Options{Dir: t.TempDir() + "/db"}
	e := openEngine(t, long)
	remember(t, e, ask("a"), strings.Repeat("answer ", 1<<18))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	before := contents(t, o.Dir)
	for name, test := range map[string]struct {
		options Options
		query   *Query
	}{
		"another prompt":     {o, ask("b")},
		"another tenant":     {o, with(func(q *Query) { q.Tenant = "other" })},
		"a fresh one asked":  {o, with(func(q *Query) { q.Control.Fresh = true })},
		"the cache left out": {o, with(func(q *Query) { q.Control.Bypass = "asked" })},
		"a sampled request":  {o, with(func(q *Query) { q.Request.Sampling.Temperature = 1 })},
		"fewer tokens":       {o, with(func(q *Query) { q.Request.MaxTokens = 1 })},
		"no such strategy":   {o, with(func(q *Query) { q.Strategy = "yours" })},
		"no request":         {o, &Query{}},
		"expired":            {altered(o, func(o *Options) { o.Now = func() time.Time { return c.Now().Add(100 * 24 * time.Hour) } }), ask("a")},
		"hooks":              {altered(o, func(o *Options) { o.Hooks = fakeHooks{} }), ask("a")},
		"no store":           {altered(o, func(o *Options) { o.Dir = t.TempDir() + "/none" }), ask("a")},
		"a store in memory":  {altered(o, func(o *Options) { o.Dir = "" }), ask("a")},
		"a long log":         {long, ask("a")},
	} {
		if Peek(test.options, test.query) != nil {
			t.Errorf("%s: something was seen", name)
		}
	}
	if after := contents(t, o.Dir); !maps.Equal(before, after) {
		t.Error("the store changed")
	}
	if Peek(o, with(func(q *Query) { q.Strategy = "mine" })) == nil {
		t.Error("with the name of a strategy there is nothing to see")
	}
	owner := openEngine(t, o)
	if Peek(o, ask("a")) != nil {
		t.Error("something was seen beside the owner")
	}
	if err := owner.Close(); err != nil {
		t.Fatal(err)
	}
}

func altered(o Options, change func(*Options)) Options {
	change(&o)
	return o
}
