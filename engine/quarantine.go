package engine

import (
	"cmp"
	"context"
	"fmt"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// quarantined says why a candidate does not serve though it passed: somebody said that its answer is wrong for
// this prompt, or for one with the same normal form, or for so many that it has to be more alike. Empty means
// that nobody did.
func (e *Engine) quarantined(ctx context.Context, quest *quest, entry *keyspace.Entry, id keyspace.ID, score float64) string {
	if !e.hasWrong() {
		return ""
	}
	others, _, err := e.wrongRows(entry, nil)
	if err != nil {
		e.failed("look for what is wrong", err)
		return fmt.Sprintf("entry %s may have been said to be wrong, and that cannot be read", id)
	}
	pair := keyspace.WrongKey(entry.Namespace, entry.Exact, keyspace.Hash(quest.keys.exact))
	for _, row := range others {
		if string(row.key) == string(pair) {
			return fmt.Sprintf("entry %s was said to be wrong for this prompt %s", id, ago(e.options.Now().Sub(moment(row.wrong.When))))
		}
		if form, _, err := quest.strategy.form(ctx, row.wrong.Prompt); err != nil || form.Text == quest.form.Text {
			return fmt.Sprintf("entry %s was said to be wrong for a prompt with the same normal form", id)
		}
	}
	if bar := raised(quest.strategy.Floor, len(others)); score < bar {
		return fmt.Sprintf("entry %s is alike by %.2f, and since it was said to be wrong for %s it serves from %.2f on", id, score, promptsText(len(others)), bar)
	}
	return ""
}

// hasWrong reports whether anything was said to be wrong, which in most stores nothing was. It reads the store
// once.
func (e *Engine) hasWrong() bool {
	known := &e.matching.wrong
	if known.Load() == wrongUnknown {
		rows, _, err := e.store.Page(keyspace.WrongPrefix(), nil, 1)
		if err != nil || len(rows) > 0 {
			return true
		}
		known.CompareAndSwap(wrongUnknown, wrongNone)
	}
	return known.Load() != wrongNone
}

// What is known of whether anything was said to be wrong.
const (
	wrongUnknown = iota
	wrongNone
	wrongSome
)

// raised is the score from which an entry with so many marks serves.
func raised(floor float64, marks int) float64 {
	if marks == 0 {
		return 0
	}
	return floor + (1-floor)*barOf(marks)
}

func promptsText(n int) string {
	if n == 1 {
		return "one prompt"
	}
	return fmt.Sprintf("%d prompts", n)
}

// cmpOr orders by a comparison that was made, and then by text.
func cmpOr(first int, a, b string) int { return cmp.Or(first, cmp.Compare(a, b)) }
