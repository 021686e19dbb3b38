package script

import (
	"fmt"
	"slices"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/ngram"
)

// grams is a set of numbers, ascending and each once, as ngrams returns it and features takes it. A
// script can walk over it, index it and look into it; it is not turned into a list of values.
type grams []uint64

var (
	_ starlark.Indexable = grams(nil)
	_ starlark.Sequence  = grams(nil)
	_ starlark.Container = grams(nil)
)

func (g grams) String() string             { return fmt.Sprintf("<%d n-grams>", len(g)) }
func (g grams) Type() string               { return "ngrams" }
func (g grams) Freeze()                    {} // it cannot change
func (g grams) Truth() starlark.Bool       { return len(g) > 0 }
func (g grams) Hash() (uint32, error)      { return 0, fmt.Errorf("unhashable: ngrams") }
func (g grams) Len() int                   { return len(g) }
func (g grams) Index(i int) starlark.Value { return starlark.MakeUint64(g[i]) }
func (g grams) Iterate() starlark.Iterator { return &gramsIterator{g} }

func (g grams) Has(v starlark.Value) (bool, error) {
	number, ok := v.(starlark.Int)
	if !ok {
		return false, nil
	}
	n, ok := number.Uint64()
	_, found := slices.BinarySearch(g, n)
	return ok && found, nil
}

// CompareSameType is there because a slice has no identity to compare.
func (g grams) CompareSameType(op syntax.Token, other starlark.Value, _ int) (bool, error) {
	same := slices.Equal(g, other.(grams))
	switch op {
	case syntax.EQL:
		return same, nil
	case syntax.NEQ:
		return !same, nil
	}
	return false, fmt.Errorf("ngrams have no order")
}

type gramsIterator struct{ left grams }

func (i *gramsIterator) Next(v *starlark.Value) bool {
	if len(i.left) == 0 {
		return false
	}
	*v, i.left = i.left.Index(0), i.left[1:]
	return true
}

func (i *gramsIterator) Done() {}

// toSet reads a set of numbers from what ngrams returned, or from a list in any order.
func toSet(a *account, v starlark.Value) ([]uint64, error) {
	if g, ok := v.(grams); ok {
		return g, nil
	}
	list, ok := v.(starlark.Sequence)
	if !ok {
		return nil, outputError("features: got %s, want what ngrams returns, or a list of whole numbers", v.Type())
	}
	if list.Len() > hostapi.MaxFeatures {
		return nil, outputError("features: a set has %d numbers, at most %d are allowed", list.Len(), hostapi.MaxFeatures)
	}
	if err := a.take(2 * sizeOf(list)); err != nil {
		return nil, err
	}
	set := make([]uint64, 0, list.Len())
	for v := range starlark.Elements(list) {
		i, ok := v.(starlark.Int)
		n, fits := i.Uint64()
		if !ok || !fits {
			return nil, outputError("features: a set holds what is no whole number from 0 to 2^64-1")
		}
		set = append(set, n)
	}
	slices.Sort(set)
	return slices.Compact(set), nil
}

// specOf reads the arguments unit and n.
func specOf(unit string, n starlark.Value) (ngram.Spec, error) {
	u, err := ngram.ParseUnit(unit)
	if err != nil {
		return ngram.Spec{}, err
	}
	low, high := n, n
	if pair, ok := n.(starlark.Indexable); ok && pair.Len() == 2 {
		low, high = pair.Index(0), pair.Index(1)
	}
	from, ok1 := whole(low)
	to, ok2 := whole(high)
	if !ok1 || !ok2 {
		return ngram.Spec{}, fmt.Errorf("n: want a whole number or two, as in n=(2, 3)")
	}
	spec := ngram.Spec{Unit: u, Min: int(from), Max: int(to)}
	return spec, spec.Check()
}
