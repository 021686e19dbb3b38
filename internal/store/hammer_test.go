package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// Writers, readers and a Close in the middle of it all: batches are seen whole or not at all, and what
// was acknowledged is on the disk.
func TestStore_UnderHammer(t *testing.T) {
	disk := NewFakeDisk()
	s := mustOpen(t, Options{Dir: "db", Disk: disk, FlushInterval: time.Millisecond, tune: small})
	h := &hammer{t: t, s: s, start: make(chan struct{})}
	for n := range 6 {
		h.run(func(i int) error { return h.write(n, i) })
	}
	h.run(h.read)
	h.run(h.read)
	h.run(h.look)
	close(h.start)
	time.AfterFunc(100*time.Millisecond, func() { _ = s.Close() }) // when does not matter
	h.wait.Wait()

	again := mustOpen(t, Options{Dir: "db", Disk: disk.Crash(0, nil)})
	for _, key := range h.acked {
		wantValue(t, again, "a-"+key, key)
		wantValue(t, again, "b-"+key, key)
	}
	if len(h.acked) == 0 {
		t.Error("nothing was acknowledged")
	}
}

type hammer struct {
	t     *testing.T
	s     *Store
	start chan struct{}
	wait  sync.WaitGroup

	mu    sync.Mutex
	acked []string
	ids   map[keyspace.ID]bool
}

// run calls step again and again until the store is closed.
func (h *hammer) run(step func(i int) error) {
	h.wait.Go(func() {
		<-h.start
		for i := 0; ; i++ {
			err := step(i)
			if errors.Is(err, ErrClosed) {
				return
			}
			if err != nil {
				h.t.Errorf("step %d: %v", i, err)
				return
			}
		}
	})
}

func (h *hammer) write(n, i int) error {
	key := fmt.Sprintf("%d-%04d", n, i)
	receipt := h.s.Apply(Set([]byte("a-"+key), []byte(key)), Set([]byte("b-"+key), []byte(key)))
	if i%3 != 0 {
		return receipt.Err()
	}
	if err := receipt.Wait(context.Background()); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acked = append(h.acked, key)
	return nil
}

// read takes one picture of the store, where each key has its twin.
func (h *hammer) read(int) error {
	rows, next, err := h.s.Page(nil, nil, 1<<20)
	if err != nil || next != nil { // what does not fit a page is no one picture
		return err
	}
	twins := map[string]int{}
	for _, row := range rows {
		if len(row.Key) > 2 {
			twins[string(row.Value)]++
		}
	}
	for key, n := range twins {
		if n != 2 {
			return fmt.Errorf("batch %q is half there", key)
		}
	}
	return nil
}

func (h *hammer) look(int) error {
	h.s.Metrics()
	id, err := h.s.NextID()
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ids[id] {
		return fmt.Errorf("id %s was given out twice", id)
	}
	if h.ids == nil {
		h.ids = map[keyspace.ID]bool{}
	}
	h.ids[id] = true
	return nil
}
