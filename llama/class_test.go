//go:build llama

package llama

import (
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/testmodel"
)

// testModel returns the path of a model with random weights.
func testModel(t testing.TB, s testmodel.Shape, kind testmodel.Type) string {
	t.Helper()
	path, err := testmodel.Cached(s, kind)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Every class of model loads and answers; what cannot be saved says why.
func TestHost_SaysOfEveryClassWhetherItsStateCanBeSaved(t *testing.T) {
	for _, tt := range []struct {
		shape     testmodel.Shape
		class     string
		supported bool
		bytes     int64
	}{
		{testmodel.Tiny, "attention", true, 2 * 2 * 32 * 2},
		{testmodel.TinyWindow, "sliding window", true, 4 * 2 * 32 * 2},
		{testmodel.TinyRecurrent, "recurrent", false, 0},
		{testmodel.TinyHybrid, "hybrid", false, 0},
		{testmodel.TinyVision, "m-rope", false, 0},
	} {
		h := load(t, base.LoadOptions{Model: testModel(t, tt.shape, testmodel.F16), Context: 512})
		got := h.info.State
		if got.Class != tt.class || got.Supported != tt.supported || got.TokenBytes != tt.bytes || got.Supported != (got.Reason == "") {
			t.Errorf("%s: %+v, want class %q, supported %v, %d bytes", tt.shape.Name, got, tt.class, tt.supported, tt.bytes)
		}
		if r, err := ask(h, "hello there"); err != nil || len(r.Tokens) == 0 {
			t.Errorf("%s: no answer: %v", tt.shape.Name, err)
		}
	}
}
