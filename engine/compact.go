package engine

import (
	"context"
	"errors"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

const (
	// mostSpared bounds how many entries hooks may spare in one compaction.
	mostSpared = 64
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

// holds is what the store holds, as far as it was counted.
func (e *Engine) holds() room { return room{e.totals.get(entries), e.totals.get(entryBytes)} }

// makeRoom makes sure that there is room for an entry: past the slack over the limits it waits for a compaction. The
// room is the entry's until done is called, after it was stored or not; done has a compaction begin in the background
// where the store is over its limits. The caller does not hold e.changing.
func (e *Engine) makeRoom(ctx context.Context, k *keys, entry *keyspace.Entry, signatures signed) (done func()) {
	need := room{1, int64(entrySize(keyspace.EntrySize(entry), signatures))}
	most, slack := e.limits()
	e.keeping.reserve(need)
	done = func() {
		e.keeping.reserve(need.negative())
		if e.needs().less(most).any() {
			e.keeping.wake()
		}
	}
	allowed := room{most.entries + slack.entries, most.bytes + slack.bytes}
	if !e.needs().less(allowed).any() {
		return done
	}
	if e.replaces(k) {
		e.keeping.reserve(need.negative())
		if e.ensure(ctx, allowed); e.replaces(k) {
			need = room{} // it takes the place of another
			return done
		}
		e.keeping.reserve(need) // that other was worth so little that it went
	}
	e.ensure(ctx, allowed)
	return done
}

// replaces reports whether the request of an entry to come has one.
func (e *Engine) replaces(k *keys) bool {
	_, err := e.leadsTo(k.index())
	return err == nil
}

// ensure waits for a compaction where more is held and coming than is allowed.
func (e *Engine) ensure(ctx context.Context, allowed room) {
	if !e.needs().less(allowed).any() {
		return
	}
	e.keeping.waiting.Add(1)
	defer e.keeping.waiting.Add(-1)
	if _, err := e.compact(ctx, nil); err != nil && ctx.Err() == nil {
		e.failed("make room", err)
	}
}

// needs is what the store holds and what is about to be stored.
func (e *Engine) needs() room {
	holds, coming := e.holds(), e.keeping.reserve(room{})
	return room{holds.entries + coming.entries, holds.bytes + coming.bytes}
}

// compact removes the least valuable entries until the store, and what is about to be stored, is below its limits by the
// slack. Where they are not over them, it does nothing. between is called after each batch; nil does nothing. One compaction runs at a time.
func (e *Engine) compact(ctx context.Context, between func()) (gone int, err error) {
	e.keeping.compacting.Lock()
	defer e.keeping.compacting.Unlock()
	defer e.keeping.spend(time.Now())
	if err := e.needLedger(); err != nil {
		return 0, err
	}
	most, _ := e.limits()
	if !e.needs().less(most).any() {
		return 0, nil
	}
	victims := e.plan(ctx).victims()
	for len(victims) > 0 && ctx.Err() == nil {
		n := min(removeBatch, len(victims))
		removed, err := e.removeVictims(victims[:n])
		if gone += removed; err != nil {
			return gone, err
		}
		victims = victims[n:]
		if between != nil && len(victims) > 0 {
			between()
		}
	}
	return gone, ctx.Err()
}

// plan prepares a compaction.
func (e *Engine) plan(ctx context.Context) *plan {
	_ = e.storeCounts(false) // so that the latest uses count; a failure was told
	most, slack := e.limits()
	p := &plan{rows: e.ledger.live(), want: most.less(slack).less(e.keeping.reserve(room{})), topic: e.options.TopicKeep, share: e.shareOf}
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
	if share, ok := e.keeping.shares[account]; ok {
		return share
	}
	return 1
}

func sharesOf(tenants map[string]float64) map[uint32]float64 {
	shares := map[uint32]float64{}
	for name, share := range tenants {
		shares[accountName(name)] = share
	}
	return shares
}

// removeVictims removes entries in one batch, but for those that were pinned or used since they were chosen.
func (e *Engine) removeVictims(victims []victim) (removed int, err error) {
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
		case err != nil:
			return 0, err
		}
		c.remove(e, v.id, value, v.cause)
		removed++
	}
	if len(c.mutations) == 0 {
		return 0, nil
	}
	_, err = e.applyLocked(&c)
	return removed, err
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

// sweep removes what is past its time, and returns how many. between is as for compact.
func (e *Engine) sweep(ctx context.Context, between func()) (gone int, err error) {
	defer e.keeping.spend(time.Now())
	if err := e.needLedger(); err != nil {
		return 0, err
	}
	now := e.options.Now().UnixNano()
	ended := e.ledger.ended(now, e.options.Stale)
	for len(ended) > 0 && ctx.Err() == nil {
		n := min(removeBatch, len(ended))
		batch := make([]victim, n)
		for i, r := range ended[:n] {
			batch[i] = victim{r, RemovedByExpiry}
		}
		removed, err := e.removeVictims(batch)
		if gone += removed; err != nil {
			return gone, err
		}
		ended = ended[n:]
		if between != nil && len(ended) > 0 {
			between()
		}
	}
	return gone, errors.Join(ctx.Err(), e.expireRetired())
}

// CompactReport says what a compaction removed, or would remove.
type CompactReport struct {
	Entries int64           `json:"entries"` // that there were
	Bytes   int64           `json:"bytes"`
	Expired Gone            `json:"expired"` // what was past its time
	Evicted map[string]Gone `json:"evicted"` // by cause
	Pinned  int64           `json:"pinned"`  // entries that compaction leaves alone
}

// Gone is a number of entries that go, and what that costs.
type Gone struct {
	Entries  int64         `json:"entries"`
	Bytes    int64         `json:"bytes"`
	Cost     time.Duration `json:"cost_ns"`     // what computing all of them once more takes
	Expected time.Duration `json:"expected_ns"` // what they were going to save by their latest uses: cost × decayed uses
}

func (g *Gone) add(r *row, now int64) {
	cost := time.Duration(float64(r.cost) * float64(time.Second))
	g.Entries++
	g.Bytes += int64(r.bytes)
	g.Cost += cost
	g.Expected += time.Duration(float64(cost) * weightAt(float64(r.weight), r.last, now))
}

// Compact removes what is past its time and, where the store is over its limits, what is worth least. With dry it
// removes nothing, and says what would go.
func (e *Engine) Compact(ctx context.Context, dry bool) (*CompactReport, error) {
	if err := e.needLedger(); err != nil {
		return nil, err
	}
	report := e.planned(ctx)
	if dry {
		return report, nil
	}
	if _, err := e.sweep(ctx, nil); err != nil {
		return nil, err
	}
	if _, err := e.compact(ctx, nil); err != nil {
		return nil, err
	}
	return report, e.store.Apply().Wait(ctx)
}

// planned says what a compaction would remove.
func (e *Engine) planned(ctx context.Context) *CompactReport {
	p := e.plan(ctx)
	now, left := e.options.Now().UnixNano(), p.rows[:0:0]
	report := &CompactReport{Evicted: map[string]Gone{}}
	for i := range p.rows {
		r := &p.rows[i]
		report.Entries++
		report.Bytes += int64(r.bytes)
		if r.pinned {
			report.Pinned++
		}
		if r.over(now, e.options.Stale) {
			report.Expired.add(r, now)
		} else {
			left = append(left, *r)
		}
	}
	p.rows = left
	most, _ := e.limits()
	if !(room{int64(len(left)), report.Bytes - report.Expired.Bytes}).less(most).any() {
		return report
	}
	for _, v := range p.victims() {
		gone := report.Evicted[v.cause]
		gone.add(&v.row, now)
		report.Evicted[v.cause] = gone
	}
	return report
}
