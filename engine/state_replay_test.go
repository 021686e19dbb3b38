package engine

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/hosttest"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// dataVariable names a folder with chats and serving traces, traces/*.jsonl and chats/*.jsonl.
const dataVariable = "KVASIR_DATA"

// arrival is a prompt as the chunks of its tokens.
type arrival struct {
	at     time.Duration
	chunks []replayed
}

type replayed struct {
	key    blob.Key
	tokens int
}

// BenchmarkStateReplay replays prompts without a model against what is kept within a budget, a share of all that
// the trace ever needs, and says how many of their tokens would have been restored: by value, as the cache does
// it, by the time of the latest use, and by an oracle that knows when each chunk is used next.
func BenchmarkStateReplay(b *testing.B) {
	dir := os.Getenv(dataVariable)
	if dir == "" {
		b.Skipf("%s does not name the folder of the traces", dataVariable)
	}
	for _, name := range []string{"traces/mooncake_conversation", "traces/mooncake_synthetic", "chats/tool_agent", "chats/document_questions", "chats/oasst_trees", "chats/mtbench101"} {
		trace := readTrace(b, filepath.Join(dir, name+".jsonl"))
		whole := &replay{trace: trace, value: func(*replay, *chunk) float64 { return 0 }, budget: 1 << 60}
		whole.run()
		for _, percent := range []int64{1, 10, 100} {
			b.Run(fmt.Sprintf("%s/%d%%", filepath.Base(name), percent), func(b *testing.B) {
				shares := map[string]float64{}
				for b.Loop() {
					for _, p := range replayPolicies {
						r := &replay{trace: trace, value: p.value, budget: whole.chunks.bytes * percent / 100}
						r.run()
						shares[p.name+"-%"] = 100 * float64(r.restored) / float64(r.tokens)
					}
				}
				for name, share := range shares {
					b.ReportMetric(share, name)
				}
			})
		}
	}
}

var replayPolicies = []struct {
	name  string
	value func(*replay, *chunk) float64
}{
	{"value", nil}, // as the cache does it
	{"lru", func(_ *replay, c *chunk) float64 { return float64(c.uses.Last) }},
	{"oracle", func(r *replay, c *chunk) float64 { return -float64(r.next(c.key)) }},
}

// replay is a trace on its way through the chunks that are kept.
type replay struct {
	trace  []arrival
	value  func(*replay, *chunk) float64
	budget int64

	chunks           chunks
	now              int64
	at               int // of the trace
	uses             map[blob.Key][]int
	tokens, restored int
}

func (r *replay) run() {
	r.chunks, r.uses = newChunks(), map[blob.Key][]int{}
	for i, a := range r.trace {
		for _, c := range a.chunks {
			r.uses[c.key] = append(r.uses[c.key], i)
		}
	}
	for i, a := range r.trace {
		r.at, r.now = i, int64(a.at)
		r.arrive(a)
	}
}

// next returns the number of the arrival that uses a chunk next.
func (r *replay) next(key blob.Key) int {
	uses := r.uses[key]
	at, _ := slices.BinarySearch(uses, r.at+1)
	if at == len(uses) {
		return len(r.trace) * 2
	}
	return uses[at]
}

func (r *replay) arrive(a arrival) {
	parent, from, hit := blob.Key{}, 0, true
	var fresh []*chunk
	var size int64
	var held []*chunk
	for _, piece := range a.chunks {
		r.tokens += piece.tokens
		c := r.chunks.byKey[piece.key]
		if hit = hit && c != nil; hit {
			r.restored += piece.tokens
			c.use(r.now)
			r.chunks.ranked(c)
			c.leases++
			held = append(held, c)
		} else if c == nil {
			c = &chunk{
				key: piece.key, parent: parent, from: from, tokens: piece.tokens, bytes: int64(piece.tokens),
				cost: time.Duration(piece.tokens) * (time.Millisecond + time.Duration(from)*100*time.Nanosecond),
				uses: keyspace.ChunkUses{Weight: 1, Last: r.now},
			}
			fresh = append(fresh, c)
			size += c.bytes
		}
		parent, from = piece.key, from+piece.tokens
	}
	if over := r.chunks.bytes + size - r.budget; r.value == nil {
		r.chunks.evict(over)
	} else {
		r.evict(over)
	}
	for _, c := range fresh {
		if r.chunks.bytes+c.bytes > r.budget {
			break
		}
		r.chunks.add(c)
	}
	for _, c := range held {
		c.leases--
	}
}

// evict takes out the leaves of the least value, by another value than the cache's.
func (r *replay) evict(over int64) {
	if over <= 0 {
		return
	}
	value := map[*chunk]float64{}
	less := func(a, b *chunk) int { return cmp.Or(cmp.Compare(value[a], value[b]), cmp.Compare(b.from, a.from)) }
	var free []*chunk
	for _, c := range r.chunks.leaves {
		if value[c] = r.value(r, c); r.chunks.free(c) {
			free = append(free, c)
		}
	}
	slices.SortFunc(free, less)
	for over > 0 && len(free) > 0 {
		c := free[0]
		free = free[1:]
		r.chunks.remove(c)
		over -= c.bytes
		if parent := r.chunks.byKey[c.parent]; parent != nil && r.chunks.free(parent) {
			value[parent] = r.value(r, parent)
			at, _ := slices.BinarySearchFunc(free, parent, less)
			free = slices.Insert(free, at, parent)
		}
	}
}

// readTrace reads a serving trace, or chats of which every turn that the model answers is a prompt.
func readTrace(tb testing.TB, path string) []arrival {
	tb.Helper()
	file, err := os.Open(path)
	if err != nil {
		tb.Skip(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	var served []arrival
	var talks [][]arrival
	for lines.Scan() {
		var line traceLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
		if len(line.Hashes) > 0 {
			served = append(served, line.served())
		} else {
			talks = append(talks, line.talk())
		}
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	if served == nil {
		served = interleaved(talks)
	}
	slices.SortStableFunc(served, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	return served
}

type traceLine struct {
	Timestamp int64          `json:"timestamp"` // ms
	Length    int            `json:"input_length"`
	Hashes    []int          `json:"hash_ids"` // of blocks of 512 tokens; equal ones stand for equal beginnings
	Messages  []base.Message `json:"messages"`
	Document  string         `json:"document"`
	Questions []string       `json:"questions"`
}

func (l *traceLine) served() arrival {
	a := arrival{at: time.Duration(l.Timestamp) * time.Millisecond}
	for i, hash := range l.Hashes {
		key := blob.NextKey(blob.Key{}, []base.Token{base.Token(hash)})
		a.chunks = append(a.chunks, replayed{key, max(1, min(512, l.Length-512*i))})
	}
	return a
}

// talk returns the prompts of a conversation, or of the questions about a document, in order.
func (l *traceLine) talk() (prompts []arrival) {
	for _, q := range l.Questions {
		prompts = append(prompts, prompted(base.Message{Role: base.RoleUser, Content: l.Document + "\n\n" + q}))
	}
	for i, m := range l.Messages {
		if m.Role != base.RoleSystem && m.Role != base.RoleAssistant {
			prompts = append(prompts, prompted(l.Messages[:i+1]...))
		}
	}
	return prompts
}

func prompted(messages ...base.Message) (a arrival) {
	tokens := hosttest.Tokens(hosttest.Template(messages...), true)
	for i, key := range keysOfChunks(blob.Key{}, tokens) {
		a.chunks = append(a.chunks, replayed{key, min(base.ChunkTokens, len(tokens)-base.ChunkTokens*i)})
	}
	return a
}

// interleaved lets conversations, each in its order, take turns of ten seconds.
func interleaved(talks [][]arrival) (all []arrival) {
	random := rand.New(rand.NewPCG(1, 2))
	var whose []int
	for i, talk := range talks {
		for range talk {
			whose = append(whose, i)
		}
	}
	random.Shuffle(len(whose), func(i, j int) { whose[i], whose[j] = whose[j], whose[i] })
	for _, i := range whose {
		next := talks[i][0]
		talks[i] = talks[i][1:]
		next.at = time.Duration(len(all)) * 10 * time.Second
		all = append(all, next)
	}
	return all
}
