package engine

import (
	"context"
	"time"
)

// Reindexing says how far the normal forms of entries are made.
type Reindexing struct {
	Done   bool
	Failed bool // some entries could not be given theirs; a later lookup tries again
	Total  int64
	Filled int64 // entries given their forms, over the life of the store
}

// reindexPatience is how long one call of Reindex waits.
const reindexPatience = 2 * time.Second

// Reindex gives entries that have none their normal forms, as lookups do in the background: after an import,
// say. With begin it begins to, also where a run has just ended. It waits for a moment and says how far it is;
// until it is done call it again, without begin.
func (e *Engine) Reindex(ctx context.Context, begin bool) (*Reindexing, error) {
	m, err := e.matcher(ctx)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return &Reindexing{Done: true}, nil
	}
	f := &e.matching.filling
	if begin {
		f.waitFor(ctx, reindexPatience)
		f.mu.Lock()
		f.done = nil
		f.mu.Unlock()
		e.fillForms(m)
	}
	f.waitFor(ctx, reindexPatience)
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &Reindexing{Done: f.idle(), Failed: !f.failed.IsZero(), Total: e.totals.get(entries), Filled: e.totals.get(filled)}
	return out, ctx.Err()
}
