package engine

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// drawChunks draws a forest of chunks of which some are leased.
func drawChunks(t *rapid.T) chunks {
	x := newChunks()
	var keys []blob.Key
	for n := range rapid.IntRange(1, 40).Draw(t, "chunks") {
		c := &chunk{
			key: blob.Key{byte(n + 1)}, tokens: 64, bytes: rapid.Int64Range(1, 5).Draw(t, "bytes"),
			cost:   time.Duration(rapid.IntRange(0, 4).Draw(t, "cost")) * time.Second,
			uses:   keyspace.ChunkUses{Weight: float64(rapid.IntRange(0, 3).Draw(t, "uses")), Last: int64(rapid.IntRange(0, 3).Draw(t, "last")) * int64(time.Hour)},
			leases: max(0, rapid.IntRange(-3, 1).Draw(t, "leases")),
		}
		if at := rapid.IntRange(-1, len(keys)-1).Draw(t, "parent"); at >= 0 {
			c.parent, c.from = keys[at], x.byKey[keys[at]].from+64
		}
		x.add(c)
		keys = append(keys, c.key)
	}
	return x
}

// slowEvict finds the next chunk to go by looking at all of them, every time.
func slowEvict(left map[blob.Key]*chunk, over, now int64) (gone []blob.Key) {
	for over > 0 {
		var free []*chunk
		for _, c := range left {
			follows := false
			for _, other := range left {
				follows = follows || other.parent == c.key
			}
			if !follows && c.leases == 0 {
				free = append(free, c)
			}
		}
		if len(free) == 0 {
			return gone
		}
		next := slices.MinFunc(free, func(a, b *chunk) int {
			return cmp.Or(cmp.Compare(a.value(now), b.value(now)), cmp.Compare(a.uses.Last, b.uses.Last), cmp.Compare(b.from, a.from),
				slices.Compare(a.key[:], b.key[:]))
		})
		delete(left, next.key)
		over -= next.bytes
		gone = append(gone, next.key)
	}
	return gone
}

func TestChunks_EvictTheLeastValuableLeaf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawChunks(t)
		over, now := rapid.Int64Range(-1, 60).Draw(t, "over"), int64(4*time.Hour)
		left := map[blob.Key]*chunk{}
		for key, c := range x.byKey {
			left[key] = c
		}
		want := slowEvict(left, over, now)
		var got []blob.Key
		for _, c := range x.evict(over) {
			got = append(got, c.key)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("evicted %x, want %x", got, want)
		}
		var bytes int64
		for key, c := range x.byKey {
			if bytes += c.bytes; left[key] != c {
				t.Fatalf("chunk %x is left", key)
			}
			for f := x.first[c.parent]; f != c; f = f.next {
				if f == nil {
					t.Fatalf("chunk %x is not among those that follow %x", key, c.parent)
				}
			}
		}
		if bytes != x.bytes || len(x.byKey) != len(left) {
			t.Fatalf("%d bytes are counted, want %d; %d chunks, want %d", x.bytes, bytes, len(x.byKey), len(left))
		}
	})
}

// Uses count half after a day, and what is used goes last.
func TestChunk_UsesDecay(t *testing.T) {
	c := &chunk{bytes: 1, cost: time.Second, uses: keyspace.ChunkUses{Weight: 1}}
	c.use(int64(useHalfLife))
	if c.uses.Weight != 1.5 || c.uses.Count != 1 || c.weight(int64(2*useHalfLife)) != 0.75 {
		t.Errorf("got %+v", c.uses)
	}
	c.use(0) // the clock was set back
	if c.uses.Last != int64(useHalfLife) || c.uses.Weight != 2.5 {
		t.Errorf("after the clock went back: %+v", c.uses)
	}
}

// sizeOfFiles adds up the chunk files, wherever they are in becoming.
func sizeOfFiles(dir string) (size int64) {
	paths, _ := filepath.Glob(filepath.Join(dir, "??", "*.kv"))
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			size += info.Size()
		}
	}
	return size
}

func TestState_StaysWithinItsBudget(t *testing.T) {
	const budget = 12_000
	var causes []string
	r := newRig(t, Options{Dir: t.TempDir(), State: StateOptions{MaxBytes: budget, MinPrefill: -1, Answers: AnswersOff},
		Events: EventListener{StateRemoved: func(i StateRemoveInfo) { causes = append(causes, i.Cause) }}})
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 25 {
		r.ask(words(random.IntN(400)+10, random.IntN(200), fmt.Sprint("v", n, "y")))
		if size := sizeOfFiles(r.engine.states.dir); size > budget || r.stat("kv.bytes") > budget {
			t.Fatalf("after %d prompts %d bytes are there, and %d counted", n+1, size, r.stat("kv.bytes"))
		}
	}
	if r.stat("kv.evicted") == 0 || r.stat("kv.evicted")+r.stat("kv.replaced") != len(causes) || !slices.Contains(causes, StateEvicted) {
		t.Errorf("%d evicted, %d replaced, told of %q", r.stat("kv.evicted"), r.stat("kv.replaced"), causes)
	}
	checkFiles(t, r.engine)
	// What does not fit at all is kept as far as it does.
	r.ask(words(1500, 0, "big"))
	if size := sizeOfFiles(r.engine.states.dir); size > budget || r.stat("kv.no_room") == 0 {
		t.Errorf("%d bytes are there, %d chunks had no room", size, r.stat("kv.no_room"))
	}
	checkFiles(t, r.engine)
}

// A smaller budget is kept from the start on.
func TestState_ASmallerBudgetIsKept(t *testing.T) {
	o := Options{Dir: t.TempDir(), State: StateOptions{MinPrefill: -1, Answers: AnswersOff}}
	r := newRig(t, o)
	for n := range 10 {
		r.ask(words(200, 100, fmt.Sprint("x", n, "y")))
	}
	if err := errors.Join(r.Close(), r.engine.Close()); err != nil {
		t.Fatal(err)
	}
	o.State.MaxBytes = 5_000
	r = newRig(t, o)
	waitFor(t, func() bool {
		return r.stat("kv.bytes") <= 5_000 && r.stat("kv.size") > 0 && sizeOfFiles(r.engine.states.dir) <= 5_000
	})
	if a := r.ask(words(200, 70, "z")); a.Resume.Restored != 64 {
		t.Errorf("the shared beginning is gone: %+v", a.Resume)
	}
}

// Many save, restore, damage and evict at once; the host notices every wrong byte.
func TestState_Hammer(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, Options{Dir: dir, State: StateOptions{MaxBytes: 20_000, MinPrefill: -1}})
	for _, rest := range []string{"a", "b"} { // so that one is resumed, however the others fall out
		r.ask(words(200, 100, rest))
	}
	var all sync.WaitGroup
	for w := range 6 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 1))
			for range 12 {
				r.start(words(random.IntN(300)+70, 64*random.IntN(5), fmt.Sprint("x", random.IntN(5), "y")))
				if random.IntN(5) == 0 {
					if paths, _ := filepath.Glob(filepath.Join(dir, "kv", "??", "*.kv")); len(paths) > 0 {
						path := paths[random.IntN(len(paths))]
						if random.IntN(2) == 0 {
							os.Remove(path)
						} else if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
							f.WriteAt([]byte{0xff, byte(random.Int())}, int64(random.IntN(200)))
							f.Close()
						}
					}
				}
			}
		})
	}
	all.Wait()
	r.rest()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if r.stat("kv.resumed") == 0 || r.stat("kv.evicted") == 0 || r.stat("kv.bytes") > 20_000 {
		t.Errorf("%d resumed, %d evicted, %d bytes", r.stat("kv.resumed"), r.stat("kv.evicted"), r.stat("kv.bytes"))
	}
	s := r.engine.states
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.leases) > 0 {
		t.Errorf("%d leases are left", len(s.mu.leases))
	}
	for key, c := range s.mu.chunks.byKey {
		if c.leases != 0 {
			t.Errorf("chunk %x has %d leases", key[:4], c.leases)
		}
	}
}

// Power cuts at random moments: the database loses what it had not synced, the files stay. What is left agrees,
// and what is recorded can be read.
func TestState_PowerCutsLeaveNothingWrong(t *testing.T) {
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 1))
		disk, kv := store.NewFakeDisk(), t.TempDir()
		o := Options{Dir: "db", disk: disk, Random: zeros{}, State: StateOptions{Dir: kv, MaxBytes: 12_000, MinPrefill: -1, Answers: AnswersOff}}
		r := newRig(t, o)
		for n := range 8 {
			r.ask(words(random.IntN(200)+10, 64*random.IntN(3), fmt.Sprint("x", n, "y")))
		}
		o.disk = disk.Crash(random.IntN(101), random)
		if err := os.CopyFS(filepath.Join(kv, "..", "copy"), os.DirFS(kv)); err != nil {
			t.Fatal(err)
		}
		o.State.Dir = filepath.Join(kv, "..", "copy")
		survivor := newRig(t, o)
		if err := survivor.engine.states.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		waitFor(t, func() bool { return survivor.engine.states.swept() })
		checkFiles(t, survivor.engine)
		for n := range 8 {
			survivor.ask(words(200, 64*random.IntN(3), fmt.Sprint("z", n, "y")))
		}
		if survivor.host.bad.Load() > 0 {
			t.Errorf("seed %d: %d chunks could not be used", seed, survivor.host.bad.Load())
		}
		checkFiles(t, survivor.engine)
		if err := errors.Join(survivor.Close(), survivor.engine.Close(), os.RemoveAll(o.State.Dir)); err != nil {
			t.Fatal(err)
		}
	}
}

// zeros are no secret, but the same after a crash.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// swept reports whether records and files are brought together.
func (s *states) swept() bool {
	s.writing.Lock()
	defer s.writing.Unlock()
	files, err := blob.List(s.dir)
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range files {
		if s.mu.chunks.byKey[key] == nil {
			return false
		}
	}
	return err == nil && len(files) == len(s.mu.chunks.byKey)
}
