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

func TestProbeClasses(t *testing.T) {
	for _, s := range testmodel.Shapes()[2:] {
		h := load(t, base.LoadOptions{Model: testModel(t, s, testmodel.F16), Context: 512})
		r, err := ask(h, "hello there")
		t.Log(s.Name, h.info.Model.Description, err, r)
	}
}
