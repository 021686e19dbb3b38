package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// BenchmarkResume finds the state of a prompt of 2,048 tokens among 30,000 chunks, and gives it back.
func BenchmarkResume(b *testing.B) {
	r := newRig(b, Options{Dir: b.TempDir()})
	q := &StateQuery{State: r.state, Tokens: make([]base.Token, 2050)}
	lease := r.lease(*q)
	s := r.engine.states
	s.mu.Lock()
	for n := range 30_000 {
		s.mu.chunks.add(&chunk{key: blob.NextKey(blob.Key{1}, []base.Token{base.Token(n)}), tokens: 64, bytes: 1, cost: time.Second})
	}
	parent := blob.Key(lease.Plan.Seed)
	for from, key := range keysOfChunks(parent, q.Tokens[:2048]) {
		s.mu.chunks.add(&chunk{key: key, parent: parent, from: 64 * from, tokens: 64, bytes: 1, cost: time.Second})
		parent = key
	}
	s.mu.Unlock()
	b.ReportAllocs()
	for b.Loop() {
		l, err := r.engine.Resume(b.Context(), q)
		if err != nil || l.Restored != 2048 {
			b.Fatalf("%+v, %v", l, err)
		}
		s.mu.Lock()
		s.releaseLocked(l.ID)
		s.mu.Unlock()
	}
}

// BenchmarkEvict evicts one chunk of many, which is what making room for a prompt looks at.
func BenchmarkEvict(b *testing.B) {
	for _, n := range []int{1_000, 30_000, 300_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x := newChunks()
			for i := range n {
				x.add(&chunk{key: blob.NextKey(blob.Key{}, []base.Token{base.Token(i)}), bytes: 1, cost: time.Second,
					uses: keyspace.ChunkUses{Weight: 1, Last: int64(i)}})
			}
			for b.Loop() {
				for _, c := range x.evict(1) {
					x.add(c)
				}
			}
		})
	}
}
