package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// Control bounds what the cache does with one query. The zero value bounds nothing, and none but Stale lets
// the cache serve what it would not have served without.
type Control struct {
	Bypass   string        `json:",omitempty"` // why the cache is left out; empty means that it is not
	Fresh    bool          `json:",omitempty"` // no stored answer serves
	NoStore  bool          `json:",omitempty"` // the answer is not remembered
	MaxAge   time.Duration `json:",omitempty"` // oldest stored answer that serves; 0 means any
	MinScore float64       `json:",omitempty"` // lowest score of a stored answer that serves
	Stale    bool          `json:",omitempty"` // who asks has an answer past its time inferred anew, so that it may serve meanwhile
	TTL      time.Duration `json:",omitempty"` // of the remembered answer, if that of Options is not shorter; 0 means that one
}

// ErrNotStored is the error of a query that is to be answered from the store and cannot be.
var ErrNotStored = errors.New("no stored answer serves the request")

// tooOld reports whether an entry is older than the query accepts.
func (q *Query) tooOld(entry *keyspace.Entry, now time.Time) bool {
	return q.Control.MaxAge > 0 && now.Sub(moment(entry.Created)) > q.Control.MaxAge
}

// expiryOf is when the answer to a query stops serving, in unix nanoseconds; 0 is never.
func (o *Options) expiryOf(q *Query, now time.Time) int64 {
	expires := o.expiry(now)
	if q.Control.TTL > 0 {
		if own := now.Add(q.Control.TTL).UnixNano(); expires == 0 || own < expires {
			return own
		}
	}
	return expires
}

// asked is the miss of a query that does not want what is stored.
func (e *Engine) asked(reason string) *Found {
	e.totals.add(missAsked, 1)
	return miss(reason)
}

// flight tells apart queries whose answers are remembered in another way, which share no inference.
func (c *Control) flight(topic string) []byte {
	return fmt.Appendf(nil, "%q %t %d", topic, c.NoStore, c.TTL)
}

type decidedKey struct{}

// WithDecided returns a context whose Serve calls f with what the lookup found, before anything is emitted.
func WithDecided(ctx context.Context, f func(*Found)) context.Context {
	return context.WithValue(ctx, decidedKey{}, f)
}

func decided(ctx context.Context, found *Found) {
	if f, ok := ctx.Value(decidedKey{}).(func(*Found)); ok {
		f(found)
	}
}
