package script

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/kvasir-cache/kvasir/hostapi"
)

const everyRole = `
WORDS = {"colour": "color"}
calls = []
def fresh(ms): return lambda ev: None if ev.entry.age_ms < ms else reject("stale")
def normalize(text):
    if text == "spin":
        for i in range(1 << 40): pass
    if text == "fail":
        fail("on purpose")
    if text == "keep":
        calls.append(text)
    return " ".join([WORDS.get(w, w) for w in text_fold(text, case=True, space=True).split(" ")])
def features(texts): return [ngrams(t) for t in texts]
def score(query, candidates): return ngram_jaccard(query, candidates)
def on_lookup(ev): return lookup(topic=ev.request.prompt[:3])
on_hit = fresh(1000)
def on_store(ev): return {"tags": [t for t in ("a", "b")], "ttl_ms": config["ttl"]}
`

func TestPlugin_ManyGoroutines(t *testing.T) {
	p := mustLoadOptions(t, Options{
		Source: everyRole, Name: "all", Config: []byte(`{"ttl": 5}`), Limits: hostapi.Limits{Steps: 20_000},
	})
	release := make(chan struct{})
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			<-release
			for i := range 60 {
				if err := useAll(p, fmt.Sprintf("Colour %d  %d", g, i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	close(release)
	group.Wait()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// useAll makes calls that succeed and calls that fail in each way, and reports what is not as it should.
func useAll(p hostapi.Plugin, text string) error {
	ctx := context.Background()
	normal, err := p.Normalize(ctx, text)
	if want := strings.Join(strings.Fields(strings.ReplaceAll(text, "Colour", "color")), " "); err != nil || normal != want {
		return fmt.Errorf("normalize: got %q, %v, want %q", normal, err, want)
	}
	for input, kind := range map[string]error{"spin": hostapi.ErrBudget, "fail": hostapi.ErrFailed, "keep": hostapi.ErrTrap} {
		if _, err := p.Normalize(ctx, input); !errors.Is(err, kind) {
			return fmt.Errorf("normalize %q: got %v, want %v", input, err, kind)
		}
	}
	scores, err := p.Score(ctx, text, []string{text, "zzz"})
	if err != nil || scores[0] != 1 || scores[1] != 0 {
		return fmt.Errorf("score: got %v, %v", scores, err)
	}
	if sets, err := p.Features(ctx, []string{text}); err != nil || len(sets[0]) == 0 {
		return fmt.Errorf("features: got %v, %v", sets, err)
	}
	for hook, want := range map[hostapi.Role]string{
		hostapi.RoleOnLookup: `{"topic":"Wha"}`, hostapi.RoleOnHit: `{"accept":false,"reason":"stale"}`,
		hostapi.RoleOnStore: `{"ttl_ms":5,"tags":["a","b"]}`,
	} {
		if d, err := p.Hook(ctx, sampleEvent(hook)); err != nil || asJSON(d) != want {
			return fmt.Errorf("%s: got %s, %v, want %s", hook, asJSON(d), err, want)
		}
	}
	return nil
}

// Close waits for the calls under way.
func TestPlugin_CloseDuringCalls(t *testing.T) {
	for range 20 {
		p := mustLoad(t, "def normalize(text): return text.upper()\n")
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for {
					got, err := p.Normalize(context.Background(), "a")
					if errors.Is(err, hostapi.ErrClosed) {
						return
					}
					if got != "A" || err != nil {
						t.Errorf("got %q, %v", got, err)
						return
					}
				}
			})
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		group.Wait()
	}
}

func TestLog_WritesAFewShortLines(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	p := mustLoadOptions(t, Options{Name: "talker", Logger: logger, Source: `
def normalize(text):
    log("hello", level="warn")
    log([1, "a"])
    print("printed", 2)
    log("x" * 10000 + "é"[:1])
    for i in range(1000): log("line")
    return text
`})
	if _, err := p.Normalize(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{`level=WARN msg=hello script=talker`, `level=INFO msg="[1, \"a\"]"`, `level=DEBUG msg="printed 2"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no line has %s:\n%.400s", want, text)
		}
	}
	if n := strings.Count(text, "\n"); n != maxLines || len(text) > 2*hostapi.MaxMessage {
		t.Errorf("got %d lines and %d bytes, want %d lines", n, len(text), maxLines)
	}
}

// The same call gives the same result and the same end, on any thread.
func TestPlugin_IsDeterministic(t *testing.T) {
	source := `
def normalize(text):
    d = {}
    for w in text.split():
        d[w] = hash(w)
    s = set([w + "x" for w in d])
    return str(d) + str(s) + str(dir(d))
`
	text := strings.Repeat("one two three a-rather-longer-word ", 3)
	a, b := mustLoad(t, source), mustLoad(t, source)
	first, err := a.Normalize(context.Background(), text)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		second, err := b.Normalize(context.Background(), text)
		if err != nil || first != second {
			t.Fatalf("got %s and %s, %v", first, second, err)
		}
	}
}
