package engine

import (
	"context"
	"errors"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// errNoRoom is why an answer is not stored: it is too large, for the store or for what its tenant may keep.
var errNoRoom = errors.New("the answer takes more than the cache may keep of it")

// makeRoom makes sure that there is room for an entry: past the slack over the limits it waits for a compaction. The
// room is the entry's until done is called, after it was stored or not; done has a compaction begin in the background
// where the store is over its limits. It returns errNoRoom for what cannot fit; nothing goes for that. The caller does
// not hold e.changing.
func (e *Engine) makeRoom(ctx context.Context, k *keys, entry *keyspace.Entry, signatures signed) (done func(), err error) {
	need := room{1, int64(entrySize(keyspace.EntrySize(entry), signatures))}
	most, slack := e.limits()
	if need.bytes > most.bytes {
		return nil, errNoRoom
	}
	r := &reservation{engine: e, account: k.account}
	r.change(need)
	allowed := most.plus(slack)
	if !e.needs().less(allowed).any() {
		return r.done, nil
	}
	old, replaces := e.replaced(k)
	if replaces { // it takes the place of another
		r.change(room{0, max(0, need.bytes-e.sizeOf(old))})
	}
	fits := e.ensure(ctx, k.account, allowed)
	if now, still := e.replaced(k); replaces && (!still || now != old) { // that other was worth so little that it went
		r.change(need)
		fits = e.ensure(ctx, k.account, allowed)
	}
	if !fits && r.room.bytes > slack.bytes { // what is smaller may only have come beside what is too large
		r.done()
		return nil, errNoRoom
	}
	return r.done, nil
}

// reservation is the room that is kept for an entry to come.
type reservation struct {
	engine  *Engine
	account uint32
	room    room
}

func (r *reservation) change(to room) {
	r.engine.keeping.reserve(r.account, to.less(r.room))
	r.room = to
}

func (r *reservation) done() {
	r.change(room{})
	r.engine.wakeIfOver()
}

// replaced returns the entry that a request has, if it has one.
func (e *Engine) replaced(k *keys) (id keyspace.ID, replaces bool) {
	id, err := e.leadsTo(k.index())
	return id, err == nil
}

// ensure waits for a compaction where more is held and coming than is allowed. It reports whether what is coming of an
// account fits.
func (e *Engine) ensure(ctx context.Context, account uint32, allowed room) (fits bool) {
	if !e.needs().less(allowed).any() {
		return true
	}
	defer e.keeping.await()()
	_, refused, err := e.compact(ctx, nil)
	if err != nil && ctx.Err() == nil {
		e.failed("make room", err)
	}
	return !refused[account]
}

// holds is what the store holds, as far as it was counted.
func (e *Engine) holds() room { return room{e.totals.get(entries), e.totals.get(entryBytes)} }

// needs is what the store holds and what is about to be stored.
func (e *Engine) needs() room { return e.holds().plus(e.keeping.reserved()) }

// wakeIfOver has the keeper look at once where the store is over its limits.
func (e *Engine) wakeIfOver() {
	if most, _ := e.limits(); e.needs().less(most).any() {
		e.keeping.wake()
	}
}
