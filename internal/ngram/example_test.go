package ngram_test

import (
	"fmt"

	"github.com/kvasir-cache/kvasir/internal/ngram"
)

func ExampleIndex_Search() {
	texts := map[uint64]string{
		1: "what is the capital of france",
		2: "what is the capital city of france",
		3: "how many people live in paris",
	}
	spec := ngram.Spec{Unit: ngram.Char, Min: 2, Max: 3}
	group := ngram.Group{} // the only one here

	index := ngram.NewIndex()
	for id, text := range texts {
		set := spec.AppendSet(nil, text)
		if err := index.Add(group, id, ngram.Parity, len(set), ngram.Parity.Signature(set)); err != nil {
			panic(err)
		}
	}
	read := func(id uint64) ([]uint64, bool) { return spec.AppendSet(nil, texts[id]), true }

	query := spec.AppendSet(nil, "what's the capital of france")
	matches, _ := index.Search(group, query, ngram.SearchOptions{Floor: 0.5, Limit: 2}, read)
	for _, m := range matches {
		fmt.Printf("%.2f %s\n", m.Score, texts[m.ID])
	}
	// Output:
	// 0.80 what is the capital of france
	// 0.68 what is the capital city of france
}
