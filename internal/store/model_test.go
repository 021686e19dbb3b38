package store

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestStore_BehavesLikeAMap runs random histories against a map, with syncs, reopening and power cuts.
// After a power cut the store must be the map after some number of batches, and no fewer than were
// acknowledged: none torn, none out of order.
func TestStore_BehavesLikeAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{disk: NewFakeDisk(), states: []map[string]string{{}}}
		m.open(t)
		defer func() { _ = m.store.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"apply": m.apply, "burst": m.burst, "wait": m.wait, "get": m.get,
			"reopen": m.reopen, "crash": m.crash, "walk": m.walk,
		})
	})
}

type machine struct {
	disk   *FakeDisk
	store  *Store
	states []map[string]string // after each batch, from the last known state of the disk on
	acked  int                 // index in states of what must survive
}

func (m *machine) now() map[string]string { return m.states[len(m.states)-1] }

func (m *machine) open(t *rapid.T) {
	s, err := Open(Options{Dir: "db", Disk: m.disk, FlushInterval: 1 << 40, tune: small})
	if err != nil {
		t.Fatal(err)
	}
	m.store = s
}

func (m *machine) apply(t *rapid.T) {
	n := rapid.IntRange(1, 4).Draw(t, "mutations")
	next := maps.Clone(m.now())
	var mutations []Mutation
	for range n {
		key := fmt.Sprintf("e%02d", rapid.IntRange(0, 40).Draw(t, "key"))
		if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
			delete(next, key)
			mutations = append(mutations, Delete([]byte(key)))
			continue
		}
		value := rapid.StringN(0, 20, -1).Draw(t, "value")
		next[key] = value
		mutations = append(mutations, Set([]byte(key), []byte(value)))
	}
	m.commit(t, next, mutations)
}

// burst writes enough at once to fill tables and start compactions.
func (m *machine) burst(t *rapid.T) {
	next := maps.Clone(m.now())
	size := rapid.SampledFrom([]int{100, 3000, 12_000}).Draw(t, "size")
	var mutations []Mutation
	for i := range 4 {
		key, value := fmt.Sprintf("e%02d", 10*i), string(bytes.Repeat([]byte{byte('a' + i)}, size))
		next[key] = value
		mutations = append(mutations, Set([]byte(key), []byte(value)))
	}
	m.commit(t, next, mutations)
}

func (m *machine) commit(t *rapid.T, next map[string]string, mutations []Mutation) {
	if err := m.store.Apply(mutations...).Err(); err != nil {
		t.Fatal(err)
	}
	m.states = append(m.states, next)
}

func (m *machine) wait(t *rapid.T) {
	if err := m.store.Apply().Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	m.acked = len(m.states) - 1
}

func (m *machine) get(t *rapid.T) {
	key := fmt.Sprintf("e%02d", rapid.IntRange(0, 40).Draw(t, "key"))
	want, there := m.now()[key]
	got, err := m.store.Get([]byte(key))
	if (err == nil) != there || string(got) != want {
		t.Fatalf("%s: got %q, %v, want %q (there: %t)", key, got, err, want, there)
	}
}

func (m *machine) walk(t *rapid.T) {
	if got := contents(t, m.store); !maps.Equal(got, m.now()) {
		t.Fatalf("got %v, want %v", keys(got), keys(m.now()))
	}
}

func (m *machine) reopen(t *rapid.T) {
	if err := m.store.Close(); err != nil {
		t.Fatal(err)
	}
	m.open(t)
	m.states, m.acked = []map[string]string{m.now()}, 0
}

func (m *machine) crash(t *rapid.T) {
	percent := rapid.SampledFrom([]int{0, 50, 90, 100}).Draw(t, "percent")
	seed := rapid.Uint64().Draw(t, "seed")
	crashed := m.disk.Crash(percent, rand.New(rand.NewPCG(seed, 0)))
	_ = m.store.Close()
	m.disk = crashed
	m.open(t)
	got := contents(t, m.store)
	for _, state := range m.states[m.acked:] {
		if maps.Equal(got, state) {
			m.states, m.acked = []map[string]string{state}, 0
			return
		}
	}
	t.Fatalf("after a power cut: got %v, want one of the last %d states; %d batches were acknowledged",
		keys(got), len(m.states)-m.acked, m.acked)
}

func contents(t *rapid.T, s *Store) map[string]string {
	found := map[string]string{}
	for row, err := range s.Walk([]byte("e")) {
		if err != nil {
			t.Fatal(err)
		}
		found[string(row.Key)] = string(row.Value)
	}
	return found
}

func keys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
