package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// Lookup decides what to do with a request: answer it from the store, infer it, or leave the cache
// out. It returns an error only for a query that is invalid, as one is that names a strategy that is not there;
// failures of the store are misses.
func (e *Engine) Lookup(ctx context.Context, q *Query) (*Found, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	began := e.options.Now()
	found, err := e.lookup(ctx, q)
	if err != nil {
		return nil, err
	}
	took := e.options.Now().Sub(began)
	e.account(found, took)
	if e.options.Events.Looked != nil {
		e.options.Events.Looked(LookupInfo{Decision: found.Decision, Took: took})
	}
	return found, nil
}

func (e *Engine) lookup(ctx context.Context, q *Query) (*Found, error) {
	k, err := e.keysOf(q)
	if errors.Is(err, base.ErrInvalid) {
		return nil, err
	}
	if err != nil {
		return e.broken("lookup", err), nil
	}
	if reason := e.bypasses(q.Request); reason != "" {
		e.totals.add(bypassSampled, 1)
		return &Found{Decision: Decision{Action: base.ActionBypass, Reason: reason}}, nil
	}
	if reason := q.Control.Bypass; reason != "" {
		e.totals.add(bypassAsked, 1)
		return &Found{Decision: Decision{Action: base.ActionBypass, Reason: reason}}, nil
	}
	about := *q
	q = &about
	if q.Strategy = e.strategyOf(q); q.Strategy != e.options.Strategy {
		if err := e.checkStrategy(ctx, q.Strategy); err != nil {
			return nil, err
		}
	}
	hook := e.askLookup(ctx, q)
	if hook.Bypass != nil && *hook.Bypass {
		e.totals.add(bypassHook, 1)
		return &Found{Decision: Decision{Action: base.ActionBypass, Reason: because("a hook left the cache out", hook.Reason)}, Restore: Restore{Never: true}}, nil
	}
	q.Topic, q.Strategy = orElse(hook.Topic, q.Topic), orElse(hook.Strategy, q.Strategy)
	found := e.search(ctx, q, k)
	found.Strategy = q.Strategy
	if found.Stale {
		found.Topic = q.Topic
	}
	if found.Action != base.ActionAnswer {
		found.Topic = q.Topic
		e.askMiss(ctx, q, found)
	}
	return found, nil
}

// strategyOf returns the name of the strategy that counts for a query.
func (e *Engine) strategyOf(q *Query) string {
	if q.Strategy == "" {
		return e.options.Strategy
	}
	return q.Strategy
}

// checkStrategy refuses the name of no strategy. Where strategies cannot be loaded to know, any name may pass:
// the lookup says what is wrong with them.
func (e *Engine) checkStrategy(ctx context.Context, name string) error {
	names := e.options.StrategyNames
	if names == nil {
		m, err := e.matcher(ctx)
		if err != nil {
			return nil
		}
		names = m.names()
	}
	if name == hostapi.StrategyExact || slices.Contains(names, name) {
		return nil
	}
	all := append(slices.Clone(names), hostapi.StrategyExact)
	return &base.Error{
		Sentinel: base.ErrInvalid, Message: fmt.Sprintf("there is no strategy %q", name),
		Hint: "the strategies are " + strings.Join(all, ", "),
	}
}

// search looks for an entry that serves: of exactly this request, and if there is none, of one alike.
func (e *Engine) search(ctx context.Context, q *Query, k *keys) *Found {
	if q.Control.Fresh {
		return e.asked("the request asks for a fresh answer")
	}
	id, entry, err := e.find(k)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if found := e.alike(ctx, q, k); found != nil {
			return found
		}
		e.totals.add(missAbsent, 1)
		return miss("no stored answer to exactly this request")
	case errors.Is(err, store.ErrCorrupt):
		e.totals.add(missFailed, 1)
		e.discard(k)
		return miss("the stored answer was damaged and is gone")
	case err != nil:
		return e.broken("lookup", err)
	}
	return e.judge(ctx, q, id, entry)
}

func orElse(given *string, other string) string {
	if given == nil {
		return other
	}
	return *given
}

// find reads the entry of a request.
func (e *Engine) find(k *keys) (keyspace.ID, *keyspace.Entry, error) {
	index := k.index()
	id, err := e.leadsTo(index)
	if err != nil {
		return 0, nil, err
	}
	entry, err := e.read(id)
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("%w: key %x names entry %s, which is not there", store.ErrCorrupt, index, id)
	}
	if err == nil && (!bytes.Equal(entry.Request, k.canonical.Bytes) || entry.Prompt != k.canonical.Subject) {
		err = fmt.Errorf("%w: key %x names entry %s, which holds another request", store.ErrCorrupt, index, id)
	}
	return id, entry, err
}

func (e *Engine) read(id keyspace.ID) (entry *keyspace.Entry, err error) {
	key := keyspace.EntryKey(id)
	err = e.store.View(key, func(value []byte) (err error) {
		entry, err = keyspace.DecodeEntry(key, value)
		return err
	})
	return entry, err
}

// judge decides whether an entry of the same request serves.
func (e *Engine) judge(ctx context.Context, q *Query, id keyspace.ID, entry *keyspace.Entry) *Found {
	now := e.options.Now()
	stale := e.expired(entry) && e.stillServes(q, entry)
	if e.expired(entry) && !stale {
		e.totals.add(missExpired, 1)
		return miss("the stored answer expired " + ago(now.Sub(moment(entry.Expires))))
	}
	if q.tooOld(entry, now) {
		return e.asked("the stored answer is older than the request accepts")
	}
	if tooLong(q, entry) {
		e.totals.add(missLonger, 1)
		return miss(fmt.Sprintf("the stored answer took %d tokens, more than the %d asked for", entry.Usage.CompletionTokens, q.Request.MaxTokens))
	}
	found := answerOf(id, entry)
	found.Kind, found.Score = base.KindExact, 1
	found.Reason = "exactly this request was answered " + ago(now.Sub(moment(entry.Created)))
	if stale {
		found.Stale = true
		found.Reason += "; it expired " + ago(now.Sub(moment(entry.Expires))) + " and is inferred anew"
	}
	if rejected, reason := e.askHit(ctx, q, found, id, entry); rejected {
		return e.rejected(reason)
	}
	if stale {
		e.totals.add(hitStale, 1)
	}
	e.uses.add(id, now)
	return found
}

// answerOf returns what serving an entry is, without why.
func answerOf(id keyspace.ID, entry *keyspace.Entry) *Found {
	return &Found{
		Decision: Decision{Action: base.ActionAnswer, Entry: id.String()},
		Result:   resultOf(entry), Stored: moment(entry.Created), Cost: entry.Cost,
	}
}

// rejected is the miss of a hit that a hook did not accept.
func (e *Engine) rejected(reason string) *Found {
	e.totals.add(missRejected, 1)
	return miss(because("a hook rejected the stored answer", reason))
}

func miss(reason string) *Found {
	return &Found{Decision: Decision{Action: base.ActionMiss, Reason: reason}}
}

// broken is the miss of a lookup that failed.
func (e *Engine) broken(during string, err error) *Found {
	e.totals.add(missFailed, 1)
	e.failed(during, err)
	return miss("the store failed: " + err.Error())
}

// hitOf names the totals of hits.
var hitOf = map[base.Kind]string{base.KindExact: hitExactBytes, base.KindNormalized: hitNormalized, base.KindApprox: hitApprox}

// account adds up what a lookup cost and saved.
func (e *Engine) account(f *Found, took time.Duration) {
	e.totals.add(lookups, 1)
	if f.Action != base.ActionAnswer {
		return
	}
	e.totals.add(hitOf[f.Kind], 1)
	e.totals.add(loadMicros, took.Microseconds())
	e.totals.add(savedMicros, (f.Cost - took).Microseconds())
}

// ago says how long ago something was, in the largest unit that fits.
func ago(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		switch n := d / unit.size; {
		case n == 1:
			return "1 " + unit.name + " ago"
		case n > 1:
			return fmt.Sprintf("%d %ss ago", n, unit.name)
		}
	}
	return "just now"
}
