package base

import (
	"context"
	"sync"
)

type startedKey struct{}

// WithStarted returns a context whose first call of Started calls f. It hides an f that ctx already
// carried. f must not block: a scheduler may call it.
func WithStarted(ctx context.Context, f func()) context.Context {
	return context.WithValue(ctx, startedKey{}, sync.OnceFunc(f))
}

// Started tells whoever waits for a generation that it has left the queue and taken a slot. A host
// calls it with the context of its Generate, from any goroutine, before it emits anything. Without
// WithStarted it does nothing; a second call does nothing.
func Started(ctx context.Context) {
	if f, ok := ctx.Value(startedKey{}).(func()); ok {
		f()
	}
}
