package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/eval"
)

// clock is moved by the arms that use it.
type clock struct{ now time.Time }

func (c *clock) take(d time.Duration) { c.now = c.now.Add(d) }

const (
	modelTime = 100 * time.Millisecond
	hitTime   = 1 * time.Millisecond
	missTime  = 4 * time.Millisecond // beside the model
)

// fakePlain takes as long for every request.
type fakePlain struct {
	*clock
	asked []string
	fails map[string]error
}

func (f *fakePlain) Ask(_ context.Context, prompt string) (Answer, error) {
	f.asked = append(f.asked, prompt)
	f.take(modelTime)
	return Answer{Model: modelTime, PromptTokens: 10, AnswerTokens: 5}, f.fails[prompt]
}

// fakeCached answers what is the same in lower case, and takes words in brackets for nothing.
type fakeCached struct {
	*clock
	entries []string
}

func (f *fakeCached) Ask(_ context.Context, prompt string) (Answer, error) {
	plain := func(p string) string { p, _, _ = strings.Cut(strings.ToLower(p), " ("); return p }
	for i, stored := range f.entries {
		if plain(stored) != plain(prompt) {
			continue
		}
		f.take(hitTime)
		kind := base.KindApprox
		if stored == prompt {
			kind = base.KindExact
		}
		return Answer{Decision: base.Decision{Action: base.ActionAnswer, Kind: kind, Entry: strconv.Itoa(i), Reason: "it is alike"}}, nil
	}
	f.entries = append(f.entries, prompt)
	f.take(modelTime + missTime)
	return Answer{Decision: base.Decision{Action: base.ActionMiss}, Model: modelTime, PromptTokens: 10, AnswerTokens: 5}, nil
}

func (f *fakeCached) Prompt(_ context.Context, entry string) (string, error) {
	i, err := strconv.Atoi(entry)
	if err != nil || i >= len(f.entries) {
		return "", fmt.Errorf("there is no entry %q", entry)
	}
	return f.entries[i], nil
}

// little is a stream of ten: four new ones, three repeats, two variants, and a trap that fakeCached falls into.
const little = `{"prompt": "alpha", "group": 1, "kind": "new"}
{"prompt": "alpha", "group": 1, "kind": "repeat"}
{"prompt": "beta", "group": 2, "kind": "new"}
{"prompt": "ALPHA", "group": 1, "kind": "variant"}
{"prompt": "gamma", "group": null, "kind": "new"}
{"prompt": "gamma", "group": null, "kind": "repeat"}
{"prompt": "beta (not)", "group": 3, "kind": "trap"}
{"prompt": "Beta", "group": 2, "kind": "variant"}
{"prompt": "beta", "group": 2, "kind": "repeat"}
{"prompt": "delta", "group": 4}
`

func streamOf(t *testing.T, text string) []eval.Asked {
	t.Helper()
	stream, err := eval.ReadStream(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func littleRepeat(t *testing.T) *Repeat {
	c := &clock{now: time.Unix(0, 0)}
	return &Repeat{Stream: streamOf(t, little), Without: &fakePlain{clock: c}, With: &fakeCached{clock: c}, Seed: 1,
		Now: func() time.Time { return c.now }}
}

var littleSetup = Setup{Data: "little.jsonl", Model: "fake.gguf", Strategy: "default", Mode: "approx", MaxTokens: 5, Seed: 1,
	Version: "v1", Platform: "linux/amd64", Processors: 2}

func littleReport(t *testing.T) *Report {
	t.Helper()
	r := littleRepeat(t)
	if err := r.Run(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return r.Report(littleSetup)
}

// golden compares what was written with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile("testdata/"+name, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if want := testdata(t, name); !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}
