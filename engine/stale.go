package engine

import (
	"context"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// stillServes reports whether an entry past its time answers while it is inferred anew.
func (e *Engine) stillServes(q *Query, entry *keyspace.Entry) bool {
	return q.Control.Stale && !q.Control.NoStore && e.options.Stale > 0 && e.options.Now().UnixNano()-entry.Expires < int64(e.options.Stale)
}

// refresh infers anew what was answered past its time, in the background, unless that is under way. Nobody waits for
// it: close ends it.
func (fs *flights) refresh(c Cache, q *Query, run Infer) {
	key, err := flightKey(q)
	if err != nil {
		return
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f, began := fs.joinLocked(key, new(Answer).remembering(c, q, Restore{}, run))
	switch {
	case f == nil:
		return
	case !began:
		f.leave()
		return
	case fs.mu.end == nil:
		fs.mu.ctx, fs.mu.end = context.WithCancel(context.Background())
	}
	ctx := fs.mu.ctx
	fs.running.Go(func() {
		defer f.leave()
		silent := listener{emit: func(base.Chunk) error { return nil }}
		if _, err := f.follow(ctx, &silent); ctx.Err() == nil {
			fs.refreshed(err)
		}
	})
}

func (e *Engine) countRefresh(err error) {
	if err == nil {
		e.totals.add(refreshed, 1)
		return
	}
	e.totals.add(refreshFailed, 1)
	e.options.Logger.Warn("an answer past its time could not be inferred anew", "error", err)
}
