package engine

import (
	"bufio"
	"container/heap"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// queried is one request of a replay: what it costs to infer, and what its answer takes.
type queried struct {
	key   int
	at    time.Duration
	cost  time.Duration
	bytes int64
}

// policies are the ways of choosing what goes that are compared at equal bytes.
var policies = map[string]func(trace []queried, budget int64) (saved time.Duration){
	"value": replayValue,
	"lru": func(t []queried, b int64) time.Duration {
		return replayScored(t, b, func(h *held) float64 { return float64(h.last) })
	},
	"lfu": func(t []queried, b int64) time.Duration {
		return replayScored(t, b, func(h *held) float64 { return float64(h.count) })
	},
	"w-tinylfu": replayTinyLFU,
	"oracle":    replayOracle,
}

// replayValue keeps what the cache would keep.
func replayValue(trace []queried, budget int64) (saved time.Duration) {
	rows, at, size := []row{}, map[int]int{}, int64(0)
	low := budget - budget/slackPart
	for i, a := range trace {
		now := int64(a.at)
		if n, hit := at[a.key]; hit {
			saved += a.cost
			r := &rows[n]
			r.weight, r.last, r.used = float32(weightAt(float64(r.weight), r.last, now)+1), now, true
			continue
		}
		if size+a.bytes > budget {
			p := &plan{rows: rows, want: room{math.MaxInt64, low - a.bytes}, topic: 8, share: func(uint32) float64 { return 1 }}
			for _, v := range p.victims() {
				size -= int64(v.bytes)
			}
			kept := rows[:0:0]
			clear(at)
			for _, r := range rows {
				if !p.going[r.id] {
					at[int(r.topic)], kept = len(kept), append(kept, r)
				}
			}
			rows = kept
		}
		at[a.key] = len(rows)
		// The topic carries the key here; every entry in a topic of its own is the worst case for keeping topics.
		rows = append(rows, row{id: keyspace.ID(i + 1), last: now, topic: uint32(a.key), weight: 1, cost: float32(a.cost.Seconds()), bytes: uint32(a.bytes)})
		size += a.bytes
	}
	return saved
}

// held is an entry of a policy that keeps a heap.
type held struct {
	queried
	score float64
	last  int
	count int
	next  int // number of the request that asks for it next
	place int
}

type heldHeap []*held

func (h heldHeap) Len() int { return len(h) }
func (h heldHeap) Less(i, j int) bool {
	return h[i].score < h[j].score || h[i].score == h[j].score && h[i].last < h[j].last
}
func (h heldHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i]; h[i].place, h[j].place = i, j }
func (h *heldHeap) Push(v any)   { v.(*held).place = len(*h); *h = append(*h, v.(*held)) }
func (h *heldHeap) Pop() any     { last := len(*h) - 1; v := (*h)[last]; *h = (*h)[:last]; return v }

// replayScored evicts the lowest score, which is taken anew at each use.
func replayScored(trace []queried, budget int64, score func(*held) float64) (saved time.Duration) {
	next := nextUses(trace)
	byKey, order, size := map[int]*held{}, heldHeap{}, int64(0)
	for i, a := range trace {
		h, hit := byKey[a.key]
		if hit {
			saved += a.cost
		} else {
			h = &held{queried: a, place: -1}
		}
		h.last, h.count, h.next = i, h.count+1, next[i]
		h.score = score(h)
		if hit {
			heap.Fix(&order, h.place)
			continue
		}
		byKey[a.key] = h
		heap.Push(&order, h)
		for size += a.bytes; size > budget; {
			gone := heap.Pop(&order).(*held)
			delete(byKey, gone.key)
			size -= gone.bytes
		}
	}
	return saved
}

func nextUses(trace []queried) []int {
	next, seen := make([]int, len(trace)), map[int]int{}
	for i := len(trace) - 1; i >= 0; i-- {
		next[i] = math.MaxInt
		if n, ok := seen[trace[i].key]; ok {
			next[i] = n
		}
		seen[trace[i].key] = i
	}
	return next
}

// replayOracle is the better of two oracles that know the future: Bélády's, and one that weighs how soon an entry is
// used by what that saves for its size.
func replayOracle(trace []queried, budget int64) time.Duration {
	far := replayScored(trace, budget, func(h *held) float64 { return -float64(h.next) })
	weighed := replayScored(trace, budget, func(h *held) float64 {
		if h.next == math.MaxInt {
			return math.Inf(-1)
		}
		// How soon it is used changes as time goes by; the time of its next use orders entries as well as a heap can.
		return math.Log(h.cost.Seconds()/float64(h.bytes)) - math.Log(float64(h.next-h.last))
	})
	return max(far, weighed)
}

func replayTinyLFU(trace []queried, budget int64) (saved time.Duration) {
	sizes := map[int]uint32{}
	for _, a := range trace {
		sizes[a.key] = uint32(a.bytes)
	}
	cache := otter.Must(&otter.Options[int, int]{
		MaximumWeight: uint64(budget), Weigher: func(key, _ int) uint32 { return sizes[key] }, Executor: func(f func()) { f() },
	})
	for i, a := range trace {
		if _, hit := cache.GetIfPresent(a.key); hit {
			saved += a.cost
		} else {
			cache.Set(a.key, a.key)
		}
		if i%64 == 0 {
			cache.CleanUp()
		}
	}
	return saved
}

// zipf makes a trace of n requests over a year's part: keys by rank, costs and sizes as prompts have them. With drift
// the popular keys are others after each part of the trace.
func zipf(n, keys int, s float64, drift int, each time.Duration) []queried {
	random := rand.New(rand.NewPCG(7, uint64(n)))
	costs, sizes := make([]time.Duration, keys), make([]int64, keys)
	for k := range keys {
		costs[k] = time.Duration(math.Exp(random.NormFloat64()*1.2) * float64(2*time.Second))
		sizes[k] = int64(400 + math.Exp(random.NormFloat64())*1500)
	}
	sum, steps := 0.0, make([]float64, keys)
	for k := range keys {
		sum += 1 / math.Pow(float64(k+1), s)
		steps[k] = sum
	}
	trace := make([]queried, n)
	for i := range trace {
		x := random.Float64() * sum
		low, high := 0, keys-1
		for low < high {
			if mid := (low + high) / 2; steps[mid] < x {
				low = mid + 1
			} else {
				high = mid
			}
		}
		if drift > 0 {
			low = (low + i*drift/n*(keys/drift)) % keys
		}
		trace[i] = queried{low, time.Duration(i) * each, costs[low], sizes[low]}
	}
	return trace
}

// mooncake reads a serving trace: every block of a prompt is asked for, and takes as much room as any other.
func mooncake(tb testing.TB, name string) (trace []queried) {
	tb.Helper()
	file, err := os.Open(filepath.Join(os.Getenv(dataVariable), "traces", name+".jsonl"))
	if err != nil || os.Getenv(dataVariable) == "" {
		tb.Skipf("%s does not name a folder with traces/%s.jsonl", dataVariable, name)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var line struct {
			Timestamp int64 `json:"timestamp"`
			Hashes    []int `json:"hash_ids"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			tb.Fatal(err)
		}
		for i, key := range line.Hashes { // a block costs more the more come before it
			trace = append(trace, queried{key, time.Duration(line.Timestamp) * time.Millisecond, time.Duration(1000+i*50) * time.Millisecond, 1000})
		}
	}
	return trace
}

// whole is what all keys of a trace take together.
func whole(trace []queried) (size int64) {
	seen := map[int]bool{}
	for _, a := range trace {
		if !seen[a.key] {
			seen[a.key], size = true, size+a.bytes
		}
	}
	return size
}

func replays(scale int) map[string][]queried {
	n, keys := 25_000*scale, 5_000*scale
	return map[string][]queried{
		"zipf-0.8":  zipf(n, keys, 0.8, 0, time.Minute),
		"zipf-1.0":  zipf(n, keys, 1.0, 0, time.Minute),
		"drifting":  zipf(n, keys, 1.0, n/10_000, time.Minute), // each week,
		"zipf-fast": zipf(n, keys, 1.0, 0, 100*time.Millisecond),
	}
}

// TestReplay_ValueSavesMostTime replays requests at equal bytes: what the cache keeps saves at least as much time as what
// other policies keep.
func TestReplay_ValueSavesMostTime(t *testing.T) {
	scale := 1
	if os.Getenv(yearVariable) != "" {
		scale = 4
	}
	for name, trace := range replays(scale) {
		for _, percent := range []int64{2, 10, 30} {
			compareReplay(t, fmt.Sprintf("%s/%d%%", name, percent), trace, percent, 0)
		}
	}
}

// TestReplay_Mooncake does so with blocks of real prompts. They all take as much, and what they cost says little of how
// often they come again, so keeping those that came often, whatever they cost, does as well there or better by a point.
func TestReplay_Mooncake(t *testing.T) {
	for _, name := range []string{"mooncake_conversation", "mooncake_synthetic"} {
		t.Run(name, func(t *testing.T) {
			trace := mooncake(t, name)
			for _, percent := range []int64{2, 10, 30} {
				compareReplay(t, fmt.Sprintf("%s/%d%%", name, percent), trace, percent, 1)
			}
		})
	}
}

// compareReplay holds the value to what others save, of which it may miss so many points of a hundred.
func compareReplay(t *testing.T, name string, trace []queried, percent int64, may float64) {
	t.Helper()
	budget, all := whole(trace)*percent/100, time.Duration(0)
	for _, a := range trace {
		all += a.cost
	}
	shares := map[string]float64{}
	for policy, replay := range policies {
		shares[policy] = 100 * float64(replay(trace, budget)) / float64(all)
	}
	t.Logf("%-28s saved: value %.1f %%, lru %.1f %%, lfu %.1f %%, w-tinylfu %.1f %%, oracle %.1f %%", name,
		shares["value"], shares["lru"], shares["lfu"], shares["w-tinylfu"], shares["oracle"])
	for _, other := range []string{"lru", "lfu", "w-tinylfu"} {
		if shares["value"] < shares[other]-may {
			t.Errorf("%s: the value saves %.2f %%, %s %.2f %%", name, shares["value"], other, shares[other])
		}
	}
}
