package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A table holds every word of the data files once, sorted, with its classes and what it stands for.
type table struct {
	words  []string
	index  map[string]int
	class  []uint64
	canon  []int   // index of the word that stands for it, itself by default
	expand [][]int // what it is short for, or nil
}

func newTable(s *spec) (*table, error) {
	t := &table{}
	t.collect(s)
	for bit, name := range s.classNames() {
		for _, w := range s.classes[name] {
			t.class[t.index[strings.ToLower(w)]] |= 1 << bit
		}
	}
	if n := len(s.classNames()); n > 64 {
		return nil, fmt.Errorf("%d classes, and a word has room for 64", n)
	}
	for _, section := range []string{"same", "digits"} {
		for _, p := range s.pairs[section] {
			t.equate(p)
		}
	}
	for _, p := range s.pairs["expand"] {
		t.expand[t.index[p[0]]] = t.ids(strings.Fields(p[1]))
	}
	return t, nil
}

func (t *table) collect(s *spec) {
	seen := map[string]bool{}
	add := func(words ...string) {
		for _, w := range words {
			seen[strings.ToLower(w)] = true
		}
	}
	for _, name := range s.classNames() {
		add(s.classes[name]...)
	}
	for _, section := range []string{"same", "digits", "expand"} {
		for _, p := range s.pairs[section] {
			for _, side := range p {
				add(strings.Fields(side)...)
			}
		}
	}
	for _, phrases := range s.phrases {
		for _, p := range phrases {
			add(p...)
		}
	}
	t.words = slices.Sorted(maps.Keys(seen))
	t.index = make(map[string]int, len(t.words))
	for i, w := range t.words {
		t.index[w] = i
		t.canon = append(t.canon, i)
	}
	t.class, t.expand = make([]uint64, len(t.words)), make([][]int, len(t.words))
}

// equate lets all words of p stand for the first, which keeps the classes of each.
func (t *table) equate(p []string) {
	first := t.index[strings.ToLower(p[0])]
	for _, w := range p[1:] {
		t.canon[t.index[strings.ToLower(w)]] = first
	}
}

func (t *table) ids(words []string) []int {
	out := make([]int, len(words))
	for i, w := range words {
		out[i] = t.canon[t.index[strings.ToLower(w)]]
	}
	return out
}
