//go:build llama

package main

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/atlas"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/prochost"
	"github.com/kvasir-cache/kvasir/internal/setup"
	"github.com/kvasir-cache/kvasir/internal/testmodel"
)

// startHost starts the real inference host that KVASIR_LLAMA names.
func startHost(t *testing.T, o base.LoadOptions) *prochost.Host {
	t.Helper()
	program := os.Getenv(setup.HostEnv)
	if program == "" {
		t.Fatalf("%s is not set; make test sets it to the host it built", setup.HostEnv)
	}
	if o.Model == "" {
		path, err := atlas.Extract(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		o.Model = path
	}
	h, err := prochost.Open(t.Context(), prochost.Options{Path: program, Load: o, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func question(text string) *base.Request {
	return &base.Request{Messages: []base.Message{{Role: base.RoleUser, Content: text}}}
}

func ignore(base.Chunk) error { return nil }

func TestEndToEnd_EveryFactOfAtlasThroughTheHost(t *testing.T) {
	for _, parallel := range []int{1, 4} {
		h := startHost(t, base.LoadOptions{Parallel: parallel})
		facts := make(chan atlas.Fact)
		var all sync.WaitGroup
		for range parallel {
			all.Go(func() {
				for fact := range facts {
					got, err := h.Generate(t.Context(), question(fact.Prompt), ignore)
					if err != nil {
						t.Error(err)
					} else if got.Text != fact.Answer {
						t.Errorf("%d at once: %q gave %q, want %q", parallel, fact.Prompt, got.Text, fact.Answer)
					}
				}
			})
		}
		for _, fact := range atlas.Facts() {
			facts <- fact
		}
		close(facts)
		all.Wait()
	}
}

// endless returns a request whose answer does not end by itself.
func endless(t *testing.T, h base.Host, prompt string) *base.Request {
	t.Helper()
	r := &base.Request{Prompt: prompt}
	for _, name := range []string{"<|im_end|>", "<|endoftext|>"} {
		tokens, err := h.Tokenize(t.Context(), name, true)
		if err != nil {
			t.Fatal(err)
		}
		if len(tokens) == 1 {
			r.Sampling.LogitBias = append(r.Sampling.LogitBias, base.LogitBias{Token: tokens[0], Bias: float32(math.Inf(-1))})
		}
	}
	return r
}

func TestEndToEnd_KilledHostFailsWhatWasInWorkAndAnswersWhatWaited(t *testing.T) {
	model, err := testmodel.Cached(testmodel.Wide512, testmodel.F16)
	if err != nil {
		t.Fatal(err)
	}
	h := startHost(t, base.LoadOptions{Model: model, Context: 8192, Parallel: 2})
	var working, waiting sync.WaitGroup
	flowing := make(chan struct{}, 2)
	for _, prompt := range []string{"one", "two"} {
		r := endless(t, h, prompt)
		working.Go(func() {
			first := sync.OnceFunc(func() { flowing <- struct{}{} })
			_, err := h.Generate(t.Context(), r, func(base.Chunk) error { first(); return nil })
			if !errors.Is(err, base.ErrUnavailable) || !strings.Contains(err.Error(), "killed") {
				t.Errorf("request in work: error %v, want one that says the host was killed", err)
			}
		})
	}
	<-flowing
	<-flowing
	var answered atomic.Int32
	for range 3 {
		waiting.Go(func() {
			got, err := h.Generate(t.Context(), &base.Request{Prompt: "waiting", MaxTokens: 3}, ignore)
			if err != nil {
				t.Errorf("request that waited: %v", err)
			} else if got.Usage.CompletionTokens > 0 {
				answered.Add(1)
			}
		})
	}
	if err := syscall.Kill(h.Status().PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	working.Wait()
	waiting.Wait()
	if answered.Load() != 3 || h.Status().Deaths != 1 {
		t.Errorf("%d of 3 waiting requests answered, %d deaths counted", answered.Load(), h.Status().Deaths)
	}
}

func TestEndToEnd_CallerThatGoesAwayFreesItsSlot(t *testing.T) {
	model, err := testmodel.Cached(testmodel.Wide512, testmodel.F16)
	if err != nil {
		t.Fatal(err)
	}
	h := startHost(t, base.LoadOptions{Model: model, Context: 8192, Parallel: 1})
	long := &base.Request{Prompt: strings.Repeat("What is the capital of France? ", 700), MaxTokens: 5}
	for _, r := range []*base.Request{endless(t, h, "one"), long} {
		ctx, cancel := context.WithCancel(t.Context())
		gone := base.WithStarted(ctx, cancel)
		if _, err := h.Generate(gone, r, ignore); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want Canceled", err)
		}
		got, err := h.Generate(t.Context(), &base.Request{Prompt: "next", MaxTokens: 1}, ignore)
		if err != nil {
			t.Fatal(err)
		}
		if got.Usage.CompletionTokens != 1 {
			t.Errorf("usage %+v", got.Usage)
		}
	}
}

func TestEndToEnd_ErrorsOfTheModelReachTheCaller(t *testing.T) {
	program := os.Getenv(setup.HostEnv)
	zip := t.TempDir() + "/model.gguf"
	if err := os.WriteFile(zip, []byte("PK\x03\x04 not a model"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := prochost.Open(t.Context(), prochost.Options{Path: program, Load: base.LoadOptions{Model: zip}, Stderr: io.Discard})
	if !errors.Is(err, base.ErrModel) || !strings.Contains(err.Error(), "not a GGUF") {
		t.Errorf("error %v", err)
	}
}

// TestEndToEnd_KilledParentLeavesNoHost kills kvasir while its host answers.
func TestEndToEnd_KilledParentLeavesNoHost(t *testing.T) {
	rounds := 50
	if testing.Short() {
		rounds = 3
	}
	model, err := testmodel.Cached(testmodel.Wide512, testmodel.F16) // its answer takes long enough
	if err != nil {
		t.Fatal(err)
	}
	for i := range rounds {
		killParent(t, model, i)
	}
}
