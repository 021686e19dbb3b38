package engine

import (
	"cmp"
	"container/heap"
	"slices"
)

// order returns a heap of rows, the least valuable first. The most valuable of each topic that have served come last,
// as long as they are no more than half of the rows that are left.
func (p *plan) order(free []*row, left int64) *ranks {
	h := make(ranks, len(free))
	for i, r := range free {
		h[i] = ranked{r, r.score()}
	}
	if p.topic > 0 {
		h.lift(p.topic, int(max(0, left)/2))
	}
	heap.Init(&h)
	return &h
}

// lifted is more than scores differ by.
const lifted = 1e9

// lift puts the best of each topic, and of those the best of all, before the others.
func (h ranks) lift(each, most int) {
	type name struct{ account, topic uint32 }
	better := func(i, j int) int { return h.compare(j, i) }
	best := map[name][]int{}
	for i := range h {
		r := h[i].row
		if !r.used {
			continue
		}
		n := name{r.account, r.topic}
		best[n] = append(best[n], i)
	}
	var all []int
	for _, list := range best {
		slices.SortFunc(list, better)
		all = append(all, list[:min(each, len(list))]...)
	}
	slices.SortFunc(all, better)
	for _, i := range all[:min(most, len(all))] {
		h[i].score += lifted
	}
}

// ranked is a row with its score.
type ranked struct {
	row   *row
	score float64
}

// ranks is a heap that has the least valuable first, of equal ones the oldest.
type ranks []ranked

func (h ranks) compare(i, j int) int {
	return cmp.Or(cmp.Compare(h[i].score, h[j].score), cmp.Compare(h[i].row.id, h[j].row.id))
}

// Len implements heap.Interface.
func (h ranks) Len() int { return len(h) }

// Less implements heap.Interface.
func (h ranks) Less(i, j int) bool { return h.compare(i, j) < 0 }

// Swap implements heap.Interface.
func (h ranks) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface; nothing is pushed.
func (h *ranks) Push(v any) { *h = append(*h, v.(ranked)) }

// Pop implements heap.Interface.
func (h *ranks) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	*h = (*h)[:last]
	return r
}
