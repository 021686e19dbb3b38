package engine

import (
	"container/heap"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// room is a number of entries and of bytes.
type room struct{ entries, bytes int64 }

func (r *room) add(o *row, sign int64) {
	r.entries += sign
	r.bytes += sign * int64(o.bytes)
}

// less is what r has more than o.
func (r room) less(o room) room { return room{r.entries - o.entries, r.bytes - o.bytes} }

func (r room) plus(o room) room { return room{r.entries + o.entries, r.bytes + o.bytes} }

// any reports whether there is anything of either.
func (r room) any() bool { return r.entries > 0 || r.bytes > 0 }

// plan is a compaction before it happens. It works on a copy of the ledger and holds no lock.
type plan struct {
	rows  []row // of all entries
	want  room  // what is to be left at most, with what is coming
	slack room  // by which a tenant may be over what it may have

	coming map[uint32]room // what is about to be stored, by tenant
	topic  int             // entries of each topic that go last; 0 is none

	share func(account uint32) float64    // of an account, relative to others
	keep  func(r *row, cause string) bool // asks hooks whether an entry is to be spared; nil asks nobody

	gone   []victim
	going  map[keyspace.ID]bool
	asked  int // hooks
	spared []*row

	refused map[uint32]bool // tenants of which what is coming does not fit, whatever goes
}

// victim is an entry that is to go.
type victim struct {
	row
	cause string
}

// victims chooses what goes: of the tenants that take more than their share, what is worth least; the most valuable
// of each topic after the rest. What is pinned stays.
func (p *plan) victims() []victim {
	accounts, all := p.accounts()
	if p.refuse(accounts) { // as if that did not come
		accounts, all = p.accounts()
	}
	over := all.less(p.want)
	if !over.any() {
		return nil
	}
	p.going = map[keyspace.ID]bool{}
	p.allot(accounts)
	for _, a := range accounts {
		over = p.choose(over, a.free, a.has.less(a.may), a.pushes)
	}
	over = p.choose(over, p.free(), over, false) // of anybody, where what is pinned or spared takes the room
	for i := 0; i < len(p.spared) && over.any(); i++ {
		over = p.take(over, p.spared[i], causeOf(over))
	}
	return p.gone
}

// free returns what may go and does not yet.
func (p *plan) free() (free []*row) {
	for i := range p.rows {
		if r := &p.rows[i]; !r.pinned && !p.going[r.id] {
			free = append(free, r)
		}
	}
	return free
}

// choose takes the least valuable of free until excess is gone, and returns what is left of over.
func (p *plan) choose(over room, free []*row, excess room, pushes bool) room {
	if !excess.any() {
		return over
	}
	order := p.order(free, int64(len(free))-excess.entries)
	for order.Len() > 0 && excess.any() {
		r := heap.Pop(order).(ranked).row
		cause := causeOf(excess)
		if pushes {
			cause = RemovedForShare
		}
		if p.spares(r, cause) {
			continue
		}
		over = p.take(over, r, cause)
		excess.add(r, -1)
	}
	return over
}

func (p *plan) take(over room, r *row, cause string) room {
	p.gone = append(p.gone, victim{*r, cause})
	p.going[r.id] = true
	over.add(r, -1)
	return over
}

// spares asks hooks about an entry, once, and about some entries only: answers may be waiting.
func (p *plan) spares(r *row, cause string) bool {
	if p.keep == nil {
		return false
	}
	for _, s := range p.spared {
		if s == r {
			return true
		}
	}
	if len(p.spared) == mostSpared || p.asked == mostAsked {
		return false
	}
	if p.asked++; !p.keep(r, cause) {
		return false
	}
	p.spared = append(p.spared, r)
	return true
}

func causeOf(excess room) string {
	if excess.entries > 0 {
		return RemovedForSize
	}
	return RemovedForBytes
}
