package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

const (
	// mostSpared bounds how many entries hooks may spare in one compaction.
	mostSpared = 64
	// mostAsked bounds how many hooks are asked about in one compaction.
	mostAsked = 512
	// removeBatch is how many entries go under one lock and in one batch, about two milliseconds of work.
	removeBatch = 64
	// slackPart is the part of a limit by which the store may be over it before an answer waits for room, and down
	// to which below it a compaction goes.
	slackPart = 64
)

// limits are what the store may hold, and the slack around it.
func (e *Engine) limits() (most, slack room) {
	most = room{int64(e.options.MaxEntries), e.options.MaxBytes}
	return most, room{most.entries / slackPart, most.bytes / slackPart}
}

// compact removes the least valuable entries until the store, and what is about to be stored, is below its limits by the
// slack. Where they are not over them, it does nothing. refused are the tenants of which what is about to be stored does
// not fit. One compaction runs at a time.
func (e *Engine) compact(ctx context.Context, rest func(took time.Duration)) (gone []victim, refused map[uint32]bool, err error) {
	e.keeping.compacting.Lock()
	defer e.keeping.compacting.Unlock()
	began := time.Now()
	if err := e.needLedger(); err != nil {
		return nil, nil, err
	}
	most, _ := e.limits()
	if !e.needs().less(most).any() {
		return nil, nil, nil
	}
	p := e.plan(ctx)
	victims := p.victims()
	e.keeping.spend(began)
	gone, err = e.removeAll(ctx, victims, rest)
	return gone, p.refused, err
}

// removeAll removes victims batch by batch, one at least, until ctx ends, and returns those that went. rest is told after
// each batch what it took; nil does nothing.
func (e *Engine) removeAll(ctx context.Context, victims []victim, rest func(took time.Duration)) (gone []victim, err error) {
	for batch := range slices.Chunk(victims, removeBatch) {
		if len(gone) > 0 && ctx.Err() != nil {
			return gone, ctx.Err()
		}
		began := time.Now()
		removed, err := e.removeVictims(batch)
		e.keeping.spend(began)
		if gone = append(gone, removed...); err != nil {
			return gone, err
		}
		if rest != nil {
			rest(time.Since(began))
		}
	}
	return gone, nil
}

// plan prepares a compaction.
func (e *Engine) plan(ctx context.Context) *plan {
	_ = e.storeCounts(false) // so that the latest uses count; a failure was told
	most, slack := e.limits()
	p := &plan{rows: e.ledger.live(), want: most.less(slack), slack: slack, topic: e.options.TopicKeep, share: e.shareOf}
	p.coming = e.keeping.reservedBy()
	if e.wants(hostapi.RoleOnEvict) {
		p.keep = func(r *row, cause string) bool {
			entry, err := e.read(r.id)
			return err == nil && e.askEvict(ctx, r.id, entry, cause)
		}
	}
	return p
}

// shareOf is what an account may take, relative to others.
func (e *Engine) shareOf(account uint32) float64 {
	e.keeping.mu.Lock()
	defer e.keeping.mu.Unlock()
	if share, ok := e.keeping.mu.shares[account]; ok {
		return share
	}
	return 1
}

// SetShares has other shares count from the next compaction on; see Options.Shares.
func (e *Engine) SetShares(tenants map[string]float64) error {
	if err := checkShares(tenants); err != nil {
		return err
	}
	shares := sharesOf(tenants)
	e.keeping.mu.Lock()
	defer e.keeping.mu.Unlock()
	e.keeping.mu.shares = shares
	return nil
}

func sharesOf(tenants map[string]float64) map[uint32]float64 {
	shares := map[uint32]float64{}
	for name, share := range tenants {
		shares[accountName(name)] = share
	}
	return shares
}

// removeVictims removes entries in one batch, but for those that were pinned or used since they were chosen, and
// returns those that went.
func (e *Engine) removeVictims(victims []victim) (removed []victim, err error) {
	e.changing.Lock()
	defer e.changing.Unlock()
	var c change
	for _, v := range victims {
		now, known := e.ledger.get(v.id)
		if chosen := v.cause != RemovedByExpiry; !known || chosen && (now.pinned || now.last != v.last) {
			continue
		}
		value, err := e.store.Get(keyspace.EntryKey(v.id))
		switch {
		case errors.Is(err, ErrNotFound):
			c.forgetLost(e, v.id)
			continue
		case errors.Is(err, ErrCorrupt): // it goes by its key
		case err != nil:
			return nil, err
		}
		c.remove(e, v.id, value, v.cause)
		removed = append(removed, v)
	}
	if len(c.mutations) == 0 {
		return nil, nil
	}
	if _, err = e.applyLocked(&c); err != nil {
		return nil, err
	}
	return removed, nil
}

// forgetLost adds the end of a use counter whose entry is gone, a leftover that the ledger took for an entry.
func (c *change) forgetLost(e *Engine, id keyspace.ID) {
	c.delete(keyspace.UsesKey(id))
	c.count(entries, -1)
	if r, known := e.ledger.get(id); known {
		c.count(entryBytes, -int64(r.bytes))
	}
	c.then = append(c.then, func() { e.ledger.drop(id) })
}

// sweep removes what is past its time, and returns it. rest is as for removeAll.
func (e *Engine) sweep(ctx context.Context, rest func(took time.Duration)) (gone []victim, err error) {
	began := time.Now()
	if err := e.needLedger(); err != nil {
		return nil, err
	}
	var ended []victim
	for _, r := range e.ledger.ended(e.options.Now().UnixNano(), e.options.Stale) {
		ended = append(ended, victim{r, RemovedByExpiry})
	}
	e.keeping.spend(began)
	if gone, err = e.removeAll(ctx, ended, rest); err != nil {
		return gone, err
	}
	return gone, e.expireRetired()
}
