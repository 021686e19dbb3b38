package server

import (
	"context"
	"slices"
	"strings"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/control"
)

// Bounds of one request that searches entries: a page that is not full says where the next one goes on.
const (
	mostSearched = 5000
	searchPage   = 250
	mostSearch   = 200 // bytes of the text that is searched
)

// search lists entries from an id on that have a text in them, whatever its case, and where to go on.
func search(ctx context.Context, store control.Store, text, from string, limit int) (found []engine.Entry, next string, err error) {
	text = strings.ToLower(text)
	for searched := 0; searched < mostSearched; {
		list, after, err := store.List(ctx, from, searchPage)
		if err != nil {
			return nil, "", err
		}
		for _, e := range list {
			if len(found) == limit {
				return found, e.ID, nil
			}
			if has(&e, text) {
				found = append(found, e)
			}
		}
		if from = after; from == "" {
			return found, "", nil
		}
		searched += len(list)
	}
	return found, from, nil
}

// has reports whether an entry has a text, in lower case, in what people would look for.
func has(e *engine.Entry, text string) bool {
	return slices.ContainsFunc(append([]string{e.Prompt, e.Answer, e.System, e.Topic, e.ID}, e.Tags...), func(s string) bool {
		return strings.Contains(strings.ToLower(s), text)
	})
}
