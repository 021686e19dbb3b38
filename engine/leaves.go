package engine

import (
	"bytes"
	"cmp"
	"container/heap"
)

// leaves are the chunks that nothing follows, as a heap: the least valuable is first, of equal ones the one used
// longest ago, then the last of its prompt. put, drop and moved keep it one.
type leaves []*chunk

func (l *leaves) put(c *chunk) { heap.Push(l, c) }

// drop takes a chunk out, if it is in.
func (l *leaves) drop(c *chunk) {
	if c.place > 0 {
		heap.Remove(l, c.place-1)
	}
}

// moved puts a chunk where it belongs, if it is in.
func (l *leaves) moved(c *chunk) {
	if c.place > 0 {
		heap.Fix(l, c.place-1)
	}
}

// Len implements heap.Interface.
func (l leaves) Len() int { return len(l) }

// Less implements heap.Interface.
func (l leaves) Less(i, j int) bool {
	a, b := l[i], l[j]
	return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(a.uses.Last, b.uses.Last), cmp.Compare(b.from, a.from),
		bytes.Compare(a.key[:], b.key[:])) < 0
}

// Swap implements heap.Interface.
func (l leaves) Swap(i, j int) {
	l[i], l[j] = l[j], l[i]
	l[i].place, l[j].place = i+1, j+1
}

// Push implements heap.Interface.
func (l *leaves) Push(v any) {
	c := v.(*chunk)
	*l = append(*l, c)
	c.place = len(*l)
}

// Pop implements heap.Interface.
func (l *leaves) Pop() any {
	last := len(*l) - 1
	c := (*l)[last]
	(*l)[last] = nil
	*l = (*l)[:last]
	c.place = 0
	return c
}
