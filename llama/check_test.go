//go:build llama

package llama

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/testmodel"
)

// thorough asks for every length and tail that tests know of. It takes many minutes.
var thorough = os.Getenv("KVASIR_THOROUGH") != ""

// kinds are models and settings whose kernels differ.
var kinds = []struct {
	shape testmodel.Shape
	kind  testmodel.Type
	o     base.LoadOptions
}{
	{testmodel.Tiny, testmodel.F32, base.LoadOptions{}},
	{testmodel.Tiny, testmodel.F16, base.LoadOptions{}},
	{testmodel.Tiny, testmodel.F16, base.LoadOptions{KVType: "f32"}},
	{testmodel.Tiny, testmodel.F16, base.LoadOptions{KVType: "bf16"}},
	{testmodel.Tiny, testmodel.Q8_0, base.LoadOptions{Threads: 1}},
	{testmodel.Wide512, testmodel.Q4_K, base.LoadOptions{}},
	{testmodel.TinyWindow, testmodel.F32, base.LoadOptions{}},
	{testmodel.TinyWindow, testmodel.Q8_0, base.LoadOptions{}},
	{testmodel.Tiny, testmodel.F16, base.LoadOptions{FlashAttention: true}},
	{testmodel.Tiny, testmodel.Q8_0, base.LoadOptions{FlashAttention: true, KVType: "q8_0"}},
	{testmodel.TinyWindow, testmodel.F16, base.LoadOptions{FlashAttention: true}},
	{testmodel.Wide512, testmodel.Q4_K, base.LoadOptions{FlashAttention: true, KVType: "q8_0"}},
}

func kindName(s testmodel.Shape, kind testmodel.Type, o base.LoadOptions) string {
	name := fmt.Sprintf("%s-%s-%s", s.Name, kind, o.KVType)
	if o.FlashAttention {
		name += "-flash"
	}
	return name
}

// What kvasir promises of saved state, on this machine: see base.StateCheck.
func TestHost_CheckHoldsForEveryKindOfModel(t *testing.T) {
	lengths := []int{100, 131, 390}
	if thorough {
		lengths = []int{100, 101, 102, 103, 127, 128, 129, 130, 191, 192, 193, 257, 300, 511, 575, 640, 800, 1023, 1200, 1500}
	}
	for _, k := range kinds {
		t.Run(kindName(k.shape, k.kind, k.o), func(t *testing.T) {
			k.o.Model, k.o.Context = testModel(t, k.shape, k.kind), 1600
			h := load(t, k.o)
			last := 0.0
			got, err := h.CheckState(t.Context(), lengths, func(done float64) { last = done })
			if err != nil {
				t.Fatal(err)
			}
			if !got.Holds() || last != 1 || len(got.Trials) < 2*len(lengths) {
				t.Errorf("identical %v, alone %g, busy %g, cold %g, progress %g", got.Identical, got.Difference, got.Busy, got.Cold, last)
				for _, trial := range got.Trials {
					if !trial.Identical {
						t.Logf("%+v", trial)
					}
				}
			}
			if short, err := h.CheckState(t.Context(), nil, nil); err != nil || !short.Holds() || len(short.Trials) == 0 {
				t.Errorf("short form: %+v, %v", short, err)
			}
		})
	}
}

func TestHost_CheckRefusesWhatItCannotDo(t *testing.T) {
	h := load(t, base.LoadOptions{Model: testModel(t, testmodel.TinyHybrid, testmodel.F16), Context: 512})
	if _, err := h.CheckState(t.Context(), nil, nil); !errors.Is(err, base.ErrUnsupported) {
		t.Errorf("hybrid model: %v", err)
	}
	h = load(t, base.LoadOptions{})
	for _, lengths := range [][]int{{0}, {-1, 5}, {1 << 20}} {
		if _, err := h.CheckState(t.Context(), lengths, nil); !errors.Is(err, base.ErrInvalid) {
			t.Errorf("lengths %v: %v", lengths, err)
		}
	}
}

func TestHost_CloseEndsACheck(t *testing.T) {
	h := load(t, base.LoadOptions{Model: testModel(t, testmodel.Wide512, testmodel.Q4_K), Context: 2000})
	failed := make(chan error, 1)
	began := make(chan struct{}, 100)
	go func() {
		_, err := h.CheckState(context.Background(), slices.Repeat([]int{400}, 50), func(float64) { began <- struct{}{} })
		failed <- err
	}()
	<-began
	h.Close()
	if err := <-failed; !errors.Is(err, base.ErrUnavailable) {
		t.Errorf("a check under way: %v", err)
	}
	if _, err := h.CheckState(t.Context(), nil, nil); !errors.Is(err, base.ErrUnavailable) {
		t.Errorf("a check afterwards: %v", err)
	}
}

// The check must be able to fail: a prompt that resumes one token before its end goes through other code.
func TestChecker_SeesADifference(t *testing.T) {
	h := load(t, base.LoadOptions{Model: testModel(t, testmodel.Tiny, testmodel.F32), Context: 512})
	c, err := newChecker(t.Context(), h, []int{100})
	if err != nil {
		t.Fatal(err)
	}
	defer c.runner.close()
	c.state.Align, c.state.Leave = 1, 1
	if err := c.run(); err != nil {
		t.Fatal(err)
	}
	if c.found.Identical || c.found.Difference == 0 || c.found.Holds() {
		t.Errorf("found %+v, want a difference", c.found)
	}
}
