package wasmhost

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/kvasir-cache/kvasir/internal/ngram"
)

// nativeNormalize is scorer.c's normalizer in Go.
func nativeNormalize(text string) string {
	out := make([]byte, 0, len(text))
	blank := true
	for i := range len(text) {
		c := text[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		space := c == ' ' || '\t' <= c && c <= '\r'
		if space && blank {
			continue
		}
		if space {
			c = ' '
		}
		out = append(out, c)
		blank = space
	}
	if blank && len(out) > 0 {
		out = out[:len(out)-1]
	}
	return string(out)
}

const slotCount = 4096

// scorer is scorer.c's scorer in Go.
type scorer struct {
	slots  [slotCount]struct{ gram, stamp uint32 }
	shared [slotCount]uint32
	stamp  uint32
}

func (s *scorer) slot(gram uint32) uint32 {
	at := (gram * 2654435769) >> 20
	for (s.slots[at].stamp == 1 || s.slots[at].stamp == s.stamp) && s.slots[at].gram != gram {
		at = (at + 1) & (slotCount - 1)
	}
	return at
}

func (s *scorer) grams(t string) (distinct, common uint32) {
	for i := 0; i+3 <= len(t) && distinct < slotCount/2; i++ {
		gram := uint32(t[i])<<16 | uint32(t[i+1])<<8 | uint32(t[i+2])
		at := s.slot(gram)
		if s.slots[at].stamp == 1 && s.slots[at].gram == gram {
			if s.stamp != 1 && s.shared[at] != s.stamp {
				s.shared[at] = s.stamp
				distinct++
				common++
			}
		} else if s.slots[at].stamp != s.stamp || s.slots[at].gram != gram {
			s.slots[at].gram = gram
			s.slots[at].stamp = s.stamp
			distinct++
		}
	}
	return distinct, common
}

func (s *scorer) score(query string, candidates []string) []float32 {
	*s = scorer{stamp: 1}
	wanted, _ := s.grams(query)
	scores := make([]float32, len(candidates))
	for i, c := range candidates {
		s.stamp++
		distinct, common := s.grams(c)
		if all := wanted + distinct - common; all > 0 {
			scores[i] = float32(common) / float32(all)
		}
	}
	return scores
}

// question returns a text of words, the same for the same number.
func question(n, size int) string {
	words := strings.Fields("How do I install the Latest version of a package from Source on my machine and what is it good for")
	r := rand.New(rand.NewPCG(1, uint64(n)))
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(words[r.IntN(len(words))] + " ")
	}
	return b.String()[:size]
}

func questions(n, size int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = question(i, size-10+i%20)
	}
	return list
}

// What benchmarks compare must compute the same.
func TestBench_GuestsAgreeWithGo(t *testing.T) {
	p := loadFixture(t, "scorer", nil)
	for i := range 100 {
		text := "\t " + question(i, 3*i) + "  "
		if got, err := p.Normalize(t.Context(), text); got != nativeNormalize(text) || err != nil {
			t.Fatalf("Normalize(%q): %q, %v, want %q", text, got, err, nativeNormalize(text))
		}
	}
	query, candidates := question(0, 60), questions(1000, 60)
	got, err := p.Score(t.Context(), query, candidates)
	if want := new(scorer).score(query, candidates); err != nil || !slices.Equal(got, want) {
		t.Errorf("Score differs: %v", err)
	}
	helped := loadFixture(t, "helped", nil)
	got, err = helped.Score(t.Context(), query, candidates)
	if want := grams3.Scores(query, candidates); err != nil || !slices.Equal(got, want) {
		t.Errorf("Score with the host's help differs: %v", err)
	}
}

var grams3 = ngram.Spec{Unit: ngram.Char, Min: 3, Max: 3}

// goGuest builds the guest in Go.
func goGuest(b *testing.B) []byte {
	b.Helper()
	out := filepath.Join(b.TempDir(), "go.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", out, "main.go")
	build.Dir = "testdata/goguest"
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, text)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		b.Fatal(err)
	}
	return module
}

// contender is one side of a comparison.
type contender struct {
	name string
	run  func()
	best time.Duration // of one run
}

// compare runs all in turn, round after round, so that what else the machine does meets each alike, and
// reports the best of each and its ratio to the first.
func compare(b *testing.B, batch int, all ...contender) {
	for i := range all {
		all[i].best = 1 << 62
	}
	for b.Loop() {
		for i := range all {
			c := &all[i]
			begun := time.Now()
			for range batch {
				c.run()
			}
			c.best = min(c.best, time.Since(begun)/time.Duration(batch))
		}
	}
	b.ReportMetric(0, "ns/op") // of all together says nothing
	for _, c := range all {
		b.ReportMetric(float64(c.best), "ns/"+c.name)
		b.ReportMetric(float64(c.best)/float64(all[0].best), "x/"+c.name)
	}
}

func loadBench(b *testing.B, r *Runtime, name string, module []byte) *Plugin {
	b.Helper()
	p, err := Load(b.Context(), Options{Runtime: r, Name: name, Module: module, Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// BenchmarkNormalize compares a normalizer in C, in Go and as lines with native Go, on 200 bytes.
func BenchmarkNormalize(b *testing.B) {
	r := openRuntime(b)
	ctx, text := b.Context(), "You "+question(1, 196)
	inC := loadBench(b, r, "c", fixture(b, "scorer"))
	inGo := loadBench(b, r, "go", goGuest(b))
	lines := loadBench(b, r, "lines", fixture(b, "lines"))
	extism := loadBench(b, r, "extism", fixture(b, "extism"))
	run := func(p *Plugin) func() {
		return func() {
			if _, err := p.Normalize(ctx, text); err != nil {
				b.Fatal(err)
			}
		}
	}
	compare(b, 1000, contender{name: "native", run: func() { nativeNormalize(text) }},
		contender{name: "c", run: run(inC)}, contender{name: "go", run: run(inGo)},
		contender{name: "lines", run: run(lines)}, contender{name: "extism", run: run(extism)})
}

// BenchmarkScore compares scorers of 1,000 candidates with native Go.
func BenchmarkScore(b *testing.B) {
	r := openRuntime(b)
	ctx, query, candidates := b.Context(), question(0, 60), questions(1000, 60)
	inC := loadBench(b, r, "c", fixture(b, "scorer"))
	helped := loadBench(b, r, "helped", fixture(b, "helped"))
	var native scorer
	compare(b, 5, contender{name: "native", run: func() { native.score(query, candidates) }},
		contender{name: "c", run: func() { inC.Score(ctx, query, candidates) }},
		contender{name: "helped", run: func() { helped.Score(ctx, query, candidates) }},
		contender{name: "ngram", run: func() { grams3.Scores(query, candidates) }})
}

// hold takes an instance with more steps than a benchmark makes.
func hold(b *testing.B, p *Plugin) *instance {
	b.Helper()
	in, err := p.begin(context.Background(), "normalize", maxSteps)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.end(in, "normalize", nil) })
	return in
}

// BenchmarkEmptyCall compares a call of a guest that does nothing with what the engine needs to enter it.
func BenchmarkEmptyCall(b *testing.B) {
	r := openRuntime(b)
	ctx, p := b.Context(), loadBench(b, r, "p", fixture(b, "scorer"))
	in := hold(b, loadBench(b, r, "held", fixture(b, "scorer")))
	compare(b, 1000, contender{name: "guest", run: func() { in.guest.normalize("") }},
		contender{name: "call", run: func() { p.Normalize(ctx, "") }})
}

// BenchmarkMetering compares a guest with and without the pass.
func BenchmarkMetering(b *testing.B) {
	r := openRuntime(b)
	text, query, candidates := question(1, 200), question(0, 60), questions(512, 60)
	p := loadBench(b, r, "c", fixture(b, "scorer"))
	plain, metered := unmetered(b, r, p), hold(b, p).guest
	normalize := func(g guest) func() { return func() { g.normalize(text) } }
	score := func(g guest) func() { return func() { g.score(query, candidates) } }
	b.Run("normalize", func(b *testing.B) {
		compare(b, 1000, contender{name: "plain", run: normalize(plain)}, contender{name: "metered", run: normalize(metered)})
	})
	b.Run("score", func(b *testing.B) {
		compare(b, 5, contender{name: "plain", run: score(plain)}, contender{name: "metered", run: score(metered)})
	})
}

// unmetered is an instance of the module as it came.
func unmetered(b *testing.B, r *Runtime, p *Plugin) guest {
	b.Helper()
	compiled, err := r.engine.CompileModule(b.Context(), fixture(b, "scorer"))
	if err != nil {
		b.Fatal(err)
	}
	module, err := r.engine.InstantiateModule(withMemory, compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		b.Fatal(err)
	}
	in := &instance{plugin: p, module: module, memory: module.Memory(), caller: context.Background()}
	g, err := coreProfile{}.open(in)
	if err != nil {
		b.Fatal(err)
	}
	return g
}

// BenchmarkSleep measures how late sleeps of 1 ms come back: alone, beside one guest that loops, beside guests that
// loop on every processor, and beside Go code that takes every processor as they do.
func BenchmarkSleep(b *testing.B) {
	p := loadBench(b, openRuntime(b), "p", fixture(b, "hostile"))
	loop := func() { p.Normalize(context.Background(), "loop") }
	every := runtime.GOMAXPROCS(0)
	kinds := []struct {
		name  string
		loops int
		f     func()
	}{{"alone", 0, nil}, {"one", 1, loop}, {"every", every, loop}, {"go", every, spin}}
	late := make([][]time.Duration, len(kinds))
	for b.Loop() {
		for i, kind := range kinds {
			stop := loopOn(kind.loops, kind.f)
			late[i] = append(late[i], lateness(100*time.Millisecond)...)
			stop()
		}
	}
	for i, kind := range kinds {
		slices.Sort(late[i])
		for _, percent := range []int{50, 99, 100} {
			at := min(len(late[i])*percent/100, len(late[i])-1)
			b.ReportMetric(late[i][at].Seconds()*1000, fmt.Sprintf("ms-p%d/%s", percent, kind.name))
		}
	}
}

// spin works for about the time of a guest's slice, and lets others run.
func spin() {
	for began := time.Now(); time.Since(began) < 165*time.Microsecond; {
	}
	runtime.Gosched()
}

// BenchmarkInstance is what a fresh instance costs: the price of a crash.
func BenchmarkInstance(b *testing.B) {
	r := openRuntime(b)
	for name, module := range map[string][]byte{"c": fixture(b, "scorer"), "go": goGuest(b), "lines": fixture(b, "lines")} {
		p := loadBench(b, r, name, module)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				in, _, err := p.start(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				in.close()
			}
		})
	}
}
