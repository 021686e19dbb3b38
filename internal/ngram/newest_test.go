package ngram

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestIndex_NewestAreTheHighestIDs(t *testing.T) {
	x, group := NewIndex(), Group{1}
	random := rand.New(rand.NewPCG(1, 2))
	var all []uint64
	for _, n := range random.Perm(1000) {
		id, size := uint64(n)+1<<31, random.IntN(40)
		if err := x.Add(group, id, Parity, size, make([]uint64, Parity.Width(size))); err != nil {
			t.Fatal(err)
		}
		all = append(all, id)
	}
	if err := x.Add(Group{2}, 1<<40, Parity, 0, make([]uint64, 1)); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	for _, limit := range []int{1, 7, 999, 1000, 5000} {
		got, whole := x.Newest(group, limit)
		if want := all[max(0, len(all)-limit):]; !slices.Equal(got, want) || whole != (limit >= 1000) {
			t.Errorf("limit %d: %d ids, all %v", limit, len(got), whole)
		}
	}
	if got, whole := x.Newest(Group{3}, 5); len(got) != 0 || !whole {
		t.Errorf("a group that is not there has %d, all %v", len(got), whole)
	}
	if got, whole := x.Newest(group, 0); len(got) != 0 || whole {
		t.Errorf("none asked for: %d, all %v", len(got), whole)
	}
}
