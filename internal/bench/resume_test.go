package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// fakeResumed takes a millisecond a token, and a hundredth of it for a restored one.
type fakeResumed struct {
	t      *testing.T
	last   []base.Token
	saved  map[string][]base.Token
	factor time.Duration
	fails  int // Cold fails from this call on, if it is above 0
	colds  int
	loses  bool // nothing is restored
}

func (f *fakeResumed) Cold(_ context.Context, prompt []base.Token) (FirstToken, error) {
	if f.colds++; f.fails > 0 && f.colds >= f.fails {
		return FirstToken{}, errors.New("it is broken")
	}
	f.last = prompt
	took := time.Duration(len(prompt)) * time.Millisecond * f.factor
	return FirstToken{Took: took, Prefill: took}, nil
}

func (f *fakeResumed) Save(_ context.Context, name string) (int64, error) {
	f.saved[name] = f.last
	return int64(len(f.last)) * 10, nil
}

func (f *fakeResumed) Resume(_ context.Context, name string, prompt []base.Token) (FirstToken, error) {
	shared := 0
	for shared < len(prompt) && prompt[shared] == f.saved[name][shared] {
		shared++
	}
	if shared < len(prompt)-4 || shared == len(prompt) {
		f.t.Errorf("a prompt of %d tokens shares %d with the one saved under %q", len(prompt), shared, name)
	}
	if f.loses {
		return FirstToken{}, nil
	}
	restore := time.Duration(len(prompt)-4) * 10 * time.Microsecond * f.factor
	return FirstToken{Took: restore + 4*time.Millisecond*f.factor, Restore: restore, Prefill: 4 * time.Millisecond * f.factor, Restored: len(prompt) - 4}, nil
}

func littleResume(t *testing.T) *Resume {
	return &Resume{Lengths: []int{100, 400}, Rounds: 3, Tail: 4, Vocabulary: 1 << 30, Seed: 1,
		Cache: &fakeResumed{t: t, saved: map[string][]base.Token{}, factor: 1},
		Slots: &fakeResumed{t: t, saved: map[string][]base.Token{}, factor: 2}}
}

var littleResumeSetup = ResumeSetup{Model: "fake.gguf", Context: 512, Threads: 2, KVType: "f16", TokenBytes: 10, Tail: 4, Rounds: 3, Seed: 1,
	Version: "v1", Platform: "linux/amd64", Processors: 2, Server: "llama-server"}

func TestResume_ComparesRoundByRound(t *testing.T) {
	r := littleResume(t)
	if err := r.Run(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	p := r.Report(littleResumeSetup)
	var text bytes.Buffer
	if err := p.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	golden(t, "resume.txt", text.Bytes())
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "resume.json", append(b, '\n'))
}

func TestResume_Page(t *testing.T) {
	r := littleResume(t)
	if err := r.Run(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*ResumeReport{"whole": r.Report(littleResumeSetup), "empty": new(Resume).Report(littleResumeSetup)} {
		var b bytes.Buffer
		if err := p.WriteHTML(&b); err != nil {
			t.Fatal(err)
		}
		wellFormed(t, b.String())
		if found := outside.FindString(b.String()); found != "" {
			t.Errorf("%s: the page has %q", name, found)
		}
		if drawn := strings.Contains(b.String(), "resumed, 400 tokens: 8.00 ms"); drawn != (name == "whole") {
			t.Errorf("%s: the plot is there: %t", name, drawn)
		}
	}
}

// What ends a run leaves a report of the rounds that both arms did.
func TestResume_EndsWithWhatItHas(t *testing.T) {
	r := littleResume(t)
	r.Slots.(*fakeResumed).fails = 6 // in the round after the first that counts
	if err := r.Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "400 tokens: it is broken") {
		t.Errorf("got %v", err)
	}
	p := r.Report(littleResumeSetup)
	if !p.Interrupted || len(p.Rows) != 2 || p.Rows[0].Rounds != 2 || p.Rows[1].Rounds != 1 {
		t.Errorf("got %+v", p)
	}
	r = littleResume(t)
	r.Cache.(*fakeResumed).loses = true
	if err := r.Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "nothing of a prompt was restored") {
		t.Errorf("got %v", err)
	}
}
