package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Power cuts at random moments while many write. On what is left, every acknowledged batch is there,
// and every batch is there whole or not at all.
func TestPowerCut_WhileManyWrite(t *testing.T) {
	const cuts, writers = 12, 4
	disk := NewFakeDisk()
	s := mustOpen(t, Options{Dir: "db", Disk: disk, FlushInterval: time.Millisecond, tune: small})
	load := &load{s: s, stop: make(chan struct{})}
	for n := range writers {
		load.wait.Go(func() { load.write(t, n) })
	}
	random := rand.New(rand.NewPCG(1, 2))
	for n := range cuts {
		load.until(n * 10) // batches acknowledged
		acked := load.snapshot()
		checkCut(t, disk.Crash(20*random.IntN(6), random), acked)
	}
	close(load.stop)
	load.wait.Wait()
}

type load struct {
	s    *Store
	stop chan struct{}
	wait sync.WaitGroup
	mu   sync.Mutex
	acks []string
}

func (l *load) write(t *testing.T, n int) {
	for i := 0; ; i++ {
		select {
		case <-l.stop:
			return
		default:
		}
		key := fmt.Sprintf("%d-%04d", n, i)
		value := []byte(strings.Repeat(key, 10*(i%50+1)))
		receipt := l.s.Apply(Set([]byte("a-"+key), value), Set([]byte("b-"+key), value))
		if i%4 == 0 {
			if err := receipt.Wait(context.Background()); err != nil {
				t.Error(err)
				return
			}
			l.acknowledge(key)
		}
	}
}

func (l *load) acknowledge(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acks = append(l.acks, key)
}

// until lets the writers work until n batches are acknowledged.
func (l *load) until(n int) {
	for len(l.snapshot()) < n {
		_ = l.s.Apply().Wait(context.Background()) // a breath as long as a sync
	}
}

func (l *load) snapshot() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.acks)
}

func checkCut(t *testing.T, disk *FakeDisk, acked []string) {
	t.Helper()
	s := mustOpen(t, Options{Dir: "db", Disk: disk, tune: small})
	defer func() { must(t, s.Close()) }()
	found := map[string]int{}
	for row, err := range s.Walk(nil) {
		must(t, err)
		if kind, key, ok := strings.Cut(string(row.Key), "-"); ok && (kind == "a" || kind == "b") {
			if !strings.HasPrefix(string(row.Value), key) {
				t.Errorf("%s: the value is of another key", row.Key)
			}
			found[key]++
		}
	}
	for key, n := range found {
		if n != 2 {
			t.Errorf("batch %s is torn", key)
		}
	}
	for _, key := range acked {
		if found[key] == 0 {
			t.Errorf("batch %s was acknowledged and is lost", key)
		}
	}
}
