package fingerprint

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

func TestModelID_OrderOfAdaptersCounts(t *testing.T) {
	p := PartsOf(info())
	before := ModelID(p)
	slices.Reverse(p.Adapters)
	if ModelID(p) == before {
		t.Error("two orders of adapters have one model id")
	}
}

func TestModelID_EqualValuesAreOne(t *testing.T) {
	p := ModelParts{SHA256: hexOf('a'), Adapters: []base.AdapterInfo{{SHA256: hexOf('b')}}}
	q := ModelParts{SHA256: hexOf('a'), Adapters: []base.AdapterInfo{{SHA256: hexOf('b'), Scale: 1, Path: "/b"}}}
	q.Rope.FrequencyBase = float32(math.Copysign(0, -1))
	if ModelID(p) != ModelID(q) {
		t.Error("a scale of 0 and of 1, or a base of 0 and of -0, have two model ids")
	}
}

func TestStateID_FeaturesAndSwitchesAreSets(t *testing.T) {
	a, b := info(), info()
	a.Runtime.CPUFeatures, b.Runtime.CPUFeatures = []string{"avx2", "fma"}, []string{"fma", "avx2", "fma"}
	a.Runtime.Environment, b.Runtime.Environment = []string{"A=1", "B=1"}, []string{"B=1", "A=1"}
	if StateID(a) != StateID(b) {
		t.Error("the order of features or switches changes the state id")
	}
	if b.Runtime.CPUFeatures[0] != "fma" || b.Runtime.Environment[0] != "B=1" {
		t.Error("StateID sorted its argument")
	}
	a.Runtime.CPUFeatures, a.Runtime.Environment = []string{"avx2"}, []string{"fma", "A=1", "B=1"}
	if StateID(a) == StateID(b) {
		t.Error("a feature and a switch of one name are one")
	}
}

func TestModelParts_UnknownContentIsRefused(t *testing.T) {
	if err := PartsOf(info()).Validate(); err != nil {
		t.Error(err)
	}
	for _, sum := range []string{"", "abc", hexOf('A'), hexOf('g'), hexOf('a') + "a"} {
		model, adapter := PartsOf(info()), PartsOf(info())
		model.SHA256, adapter.Adapters[1].SHA256 = sum, sum
		for _, p := range []ModelParts{model, adapter} {
			if err := p.Validate(); !errors.Is(err, base.ErrModel) {
				t.Errorf("hash %q: error %v, want base.ErrModel", sum, err)
			}
		}
	}
}

func TestParseID(t *testing.T) {
	id := ModelID(ModelParts{SHA256: "a"})
	if got, err := ParseID(id.String()); err != nil || got != id {
		t.Errorf("%v became %v, %v", id, got, err)
	}
	for _, bad := range []string{"", "ab", hexOf('A'), hexOf('x'), hexOf('a') + "aa"} {
		if _, err := ParseID(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: error %v, want ErrMalformed", bad, err)
		}
	}
	text, _ := id.MarshalText()
	var got ID
	if err := got.UnmarshalText(text); err != nil || got != id {
		t.Errorf("text %s became %v, %v", text, got, err)
	}
	if err := got.UnmarshalText([]byte("x")); err == nil || got != id {
		t.Errorf("bad text gave %v and error %v", got, err)
	}
}
