package engine

import (
	"cmp"
	"slices"
)

// account is what a plan knows of a tenant.
type account struct {
	name     uint32
	share    float64
	has, may room
	free     []*row // that may go
	stays    room   // what is coming or pinned
	pushes   bool   // it takes more than its share, and another does not
}

// accounts returns the tenants that have entries or to whom some are coming, in the order of their names, and what all
// have together. What is coming to a tenant is its own already.
func (p *plan) accounts() (list []*account, all room) {
	byName := map[uint32]*account{}
	of := func(name uint32) *account {
		a := byName[name]
		if a == nil {
			a = &account{name: name, share: p.share(name)}
			byName[name] = a
			list = append(list, a)
		}
		return a
	}
	for i := range p.rows {
		r := &p.rows[i]
		a := of(r.account)
		a.has.add(r, 1)
		all.add(r, 1)
		if r.pinned {
			a.stays.add(r, 1)
		} else {
			a.free = append(a.free, r)
		}
	}
	for name, coming := range p.coming {
		a := of(name)
		a.has, a.stays, all = a.has.plus(coming), a.stays.plus(coming), all.plus(coming)
	}
	slices.SortFunc(list, func(a, b *account) int { return cmp.Compare(a.name, b.name) })
	return list, all
}

// allot says what each tenant may take: all it has, where that is no more than its share. What those leave free is
// shared among the others.
func (p *plan) allot(accounts []*account) {
	divide(accounts, p.want.entries, func(a *account) (has, may *int64) { return &a.has.entries, &a.may.entries })
	divide(accounts, p.want.bytes, func(a *account) (has, may *int64) { return &a.has.bytes, &a.may.bytes })
	within := func(a *account) bool { return !a.has.less(a.may).any() }
	someWithin := slices.ContainsFunc(accounts, within)
	for _, a := range accounts {
		a.pushes = someWithin && !within(a)
	}
}

// refuse takes what is coming to a tenant out of the plan, where that would not fit if all else of the tenant went. It
// reports whether there is any such tenant.
func (p *plan) refuse(accounts []*account) bool {
	p.allot(accounts)
	p.refused = map[uint32]bool{}
	for _, a := range accounts {
		if _, coming := p.coming[a.name]; coming && a.stays.bytes > a.may.bytes+2*p.slack.bytes {
			p.refused[a.name] = true
			delete(p.coming, a.name)
		}
	}
	return len(p.refused) > 0
}

// divide gives out a room by shares, to those that need least for their share first.
func divide(accounts []*account, want int64, of func(*account) (has, may *int64)) {
	shares, total := 0.0, int64(0)
	for _, a := range accounts {
		has, _ := of(a)
		total += *has
		shares += a.share
	}
	need := func(a *account) float64 {
		has, _ := of(a)
		return float64(*has) / a.share
	}
	order := slices.Clone(accounts)
	slices.SortStableFunc(order, func(a, b *account) int { return cmp.Compare(need(a), need(b)) })
	left := float64(max(0, min(want, total)))
	for _, a := range order {
		has, may := of(a)
		*may = int64(min(float64(*has), left*a.share/shares+1e-9)) // what is exactly its share may come out less
		left, shares = left-float64(*may), shares-a.share
	}
	if total <= want { // rounding takes nothing from anybody
		for _, a := range accounts {
			has, may := of(a)
			*may = *has
		}
	}
}
