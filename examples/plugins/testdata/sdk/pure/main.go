// Calls every host function that needs no grant, so that a test can see what comes back.
package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kvasir-cache/kvasir/hostapi/guest"
)

var unit = guest.Char

func init() {
	guest.Describe(`{"name": "sdk", "version": "1"}`)
	guest.OnInit(func(init []byte) error {
		if !strings.Contains(string(init), `"abi":"1.0"`) {
			return fmt.Errorf("init is %s", init)
		}
		switch name, ok := guest.Config("unit"); {
		case ok && name == "word":
			unit = guest.Word
		case ok:
			return fmt.Errorf("unit is %q, want word", name)
		}
		return nil
	})
}

//go:wasmexport kvasir_normalize
func normalize(ptr, n uint32) uint64 {
	return guest.Normalize(ptr, n, func(dst []byte, text string) ([]byte, error) {
		guest.AddMetric("texts", 1)
		if text == "panic" {
			panic("asked to")
		}
		if key, ok := strings.CutPrefix(text, "config "); ok {
			value, ok := guest.Config(key)
			return fmt.Appendf(dst, "%s %v", value, ok), nil
		}
		folded, ok := guest.AppendFold(dst, text, guest.FoldCase|guest.FoldSpace)
		if !ok {
			return nil, errors.New("the host folds nothing")
		}
		if _, ok := guest.AppendFold(nil, text, 1<<20); ok {
			return nil, errors.New("the host knows a fold that does not exist")
		}
		return folded, nil
	})
}

//go:wasmexport kvasir_features
func features(ptr, n uint32) uint64 {
	return guest.Features(ptr, n, func(dst []uint64, text string) ([]uint64, error) {
		set, ok := guest.Grams{Unit: unit, Min: 1, Max: 2}.AppendSet(dst, text)
		if !ok {
			return nil, errors.New("the host has no grams")
		}
		return set, nil
	})
}

// score uses sets, or grams where the query begins with "grams".
//
//go:wasmexport kvasir_score
func score(ptr, n uint32) uint64 {
	return guest.Score(ptr, n, func(query string, candidates []string, scores []float32) error {
		ok := false
		if strings.HasPrefix(query, "grams") {
			ok = guest.Grams{Unit: unit, Min: 3, Max: 3}.Jaccard(query, candidates, scores)
		} else {
			sets := make([][]uint64, len(candidates))
			for i, c := range candidates {
				sets[i], _ = guest.Grams{Unit: unit, Min: 3, Max: 3}.AppendSet(nil, c)
			}
			of, _ := guest.Grams{Unit: unit, Min: 3, Max: 3}.AppendSet(nil, query)
			ok = guest.SetJaccard(of, sets, scores)
		}
		if !ok {
			return errors.New("the host compares nothing")
		}
		return nil
	})
}

//go:wasmexport kvasir_explain
func explain(ptr, n uint32) uint64 {
	return guest.Explain(ptr, n, func(dst []byte, query, candidate string) ([]byte, error) {
		return fmt.Appendf(dst, `{"verdict": "different", "reason": "%d and %d bytes"}`, len(query), len(candidate)), nil
	})
}

func main() {}
