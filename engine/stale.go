package engine

import (
	"context"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// stillServes reports whether an entry past its time answers while it is inferred anew.
func (e *Engine) stillServes(q *Query, entry *keyspace.Entry) bool {
	return q.Control.Stale && !q.Control.NoStore && e.options.Stale > 0 && e.options.Now().UnixNano()-entry.Expires < int64(e.options.Stale)
}

const (
	// mostRefreshes bounds the inferences that nobody waits for: those that somebody waits for come first.
	mostRefreshes = 2
	// refreshTime is how long one may take where the request that began it has no limit of its own.
	refreshTime = 10 * time.Minute
)

// patienceOf is how long what a request begins in the background may take: as long as the request may.
func patienceOf(ctx context.Context) time.Duration {
	if end, limited := ctx.Deadline(); limited {
		return time.Until(end)
	}
	return refreshTime
}

// refresh infers anew what was answered past its time, in the background, unless that is under way or enough others
// are; then a later hit tries again. Nobody waits for it: patience or close ends it.
func (fs *flights) refresh(patience time.Duration, c Cache, q *Query, run Infer) {
	key, err := flightKey(q)
	if err != nil {
		return
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.mu.refreshing >= mostRefreshes {
		return
	}
	f, began := fs.joinLocked(fs.mu.looks.landings, key, new(Answer).remembering(c, q, Restore{}, run))
	switch {
	case f == nil:
		return
	case !began:
		f.leave()
		return
	case fs.mu.end == nil:
		fs.mu.ctx, fs.mu.end = context.WithCancel(context.Background())
	}
	fs.mu.refreshing++
	open := fs.mu.ctx
	fs.running.Go(func() {
		defer fs.refreshEnded()
		defer f.leave()
		ctx, cancel := context.WithTimeout(open, patience)
		defer cancel()
		silent := listener{emit: func(base.Chunk) error { return nil }}
		if _, err := f.follow(ctx, &silent); open.Err() == nil {
			fs.refreshed(err)
		}
	})
}

func (fs *flights) refreshEnded() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.mu.refreshing--
}

func (e *Engine) countRefresh(err error) {
	if err == nil {
		e.totals.add(refreshed, 1)
		return
	}
	e.totals.add(refreshFailed, 1)
	e.options.Logger.Warn("an answer past its time could not be inferred anew", "error", err)
}
