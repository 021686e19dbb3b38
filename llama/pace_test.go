//go:build llama

package llama

import (
	"cmp"
	"slices"
	"testing"
	"time"
)

// paced returns how many threads are chosen where so many take the time given.
func paced(t *testing.T, p *pace, rows int, takes func(threads int) time.Duration) int {
	t.Helper()
	trial := p.of(rows)
	for range paceTries * 10 {
		if trial.chosen {
			return trial.threads
		}
		trial.done(takes(trial.threads))
	}
	t.Fatal("nothing is chosen")
	return 0
}

func TestPace_ChoosesTheFastest(t *testing.T) {
	for _, c := range []struct {
		name  string
		all   int
		takes func(threads int) time.Duration
		want  int
	}{
		{"meeting costs most", 8, func(n int) time.Duration { return time.Duration(10 * n) }, 1},
		{"work costs most", 8, func(n int) time.Duration { return time.Duration(1000 / n) }, 8},
		{"some of both", 16, func(n int) time.Duration { return time.Duration(160/n + 10*n) }, 4},
		{"an odd number", 3, func(n int) time.Duration { return time.Duration(10 * n) }, 1},
	} {
		if got := paced(t, &pace{all: c.all}, 1, c.takes); got != c.want {
			t.Errorf("%s: %d threads, want %d", c.name, got, c.want)
		}
	}
}

func TestPace_TriesAgainAndBySize(t *testing.T) {
	p := &pace{all: 2}
	if n := paced(t, p, 1, func(n int) time.Duration { return time.Duration(n) }); n != 1 {
		t.Fatalf("%d threads", n)
	}
	if n := paced(t, p, 31, func(n int) time.Duration { return time.Duration(10 - n) }); n != 2 {
		t.Errorf("%d threads for another size", n)
	}
	for range paceUses {
		p.of(1).done(1)
	}
	if p.of(1).chosen || p.of(1).threads != 2 {
		t.Error("it is not tried again")
	}
	for _, rows := range []int{0, 32, 1000} {
		if p.of(rows) != nil {
			t.Errorf("a batch of %d rows does not get all threads", rows)
		}
	}
	if (&pace{all: 1}).of(1) != nil || (*pace)(nil).of(1) != nil {
		t.Error("there is something to choose")
	}
}

// However many threads decode a batch, its logits are the same to the last bit: so a number may be chosen by time, and
// saved state goes on behind another number than it was made by.
func TestPace_ThreadsDoNotChangeWhatIsComputed(t *testing.T) {
	for _, k := range kinds {
		if k.o.FlashAttention {
			continue
		}
		t.Run(kindName(k.shape, k.kind, k.o), func(t *testing.T) {
			path := testModel(t, k.shape, k.kind)
			m, err := LoadModel(t.Context(), path, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			by := map[int][][]float32{}
			for _, threads := range []int{4, 3, 2, 1} {
				by[threads] = logitsOfSizes(t, m, threads, k.o.KVType)
				for i, logits := range by[threads] {
					if !slices.Equal(logits, by[4][i]) {
						t.Errorf("batch %d: %d threads have other logits than 4", i, threads)
					}
				}
			}
		})
	}
}

// logitsOfSizes reads batches of all small sizes by so many threads, one behind the other.
func logitsOfSizes(t *testing.T, m *Model, threads int, kvType string) (logits [][]float32) {
	t.Helper()
	c, err := NewContext(m, ContextOptions{ContextSize: 1024, Sequences: 1, Batch: 512, Threads: threads, KVType: cmp.Or(kvType, defaultKVType)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.pace = nil // all of them
	tokens := random(m, 100+31*16+31, 5)
	logits = append(logits, read(t, c, 0, 0, tokens[:100]))
	for rows, at := 1, 100; rows < paceRows; rows++ {
		logits = append(logits, read(t, c, 0, at, tokens[at:at+rows]))
		at += rows
	}
	return logits
}
