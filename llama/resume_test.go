//go:build llama

package llama

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/schedule"
	"github.com/kvasir-cache/kvasir/internal/testmodel"
)

// recorder is a runner that keeps the logits of every sampled token, by prompt.
type recorder struct {
	*runner
	mu     sync.Mutex
	logits map[*base.Token][][]float32 // by the address of the prompt
	sets   int
	keep   bool
	kept   []byte // the last state that was set, if keep is
}

func (r *recorder) NewSampler(s *base.Sampling, prompt []base.Token) (schedule.Sampler, error) {
	sampler, err := r.runner.NewSampler(s, prompt)
	return recordedSampler{sampler, r, &prompt[0]}, err
}

func (r *recorder) SetState(slot int, state []byte) error {
	r.sets++
	if r.keep {
		r.kept = slices.Clone(state)
	}
	return r.runner.SetState(slot, state)
}

type recordedSampler struct {
	schedule.Sampler
	r      *recorder
	prompt *base.Token
}

func (s recordedSampler) Next(i int) (base.Token, error) {
	s.r.mu.Lock()
	s.r.logits[s.prompt] = append(s.r.logits[s.prompt], slices.Clone(s.r.ctx.Logits(s.r.outputs[i])))
	s.r.mu.Unlock()
	return s.Sampler.Next(i)
}

// bench is a scheduler over llama.cpp whose logits a test can see, with a folder of chunk files.
type bench struct {
	*schedule.Scheduler
	t         testing.TB
	rec       *recorder
	model     *Model
	plan      base.StatePlan
	forbidden []base.LogitBias // keeps answers from ending
}

func newBench(t testing.TB, path string, o base.LoadOptions) *bench {
	t.Helper()
	o.Model, o.Parallel, o.Context = path, 3, 1600
	fillDefaults(&o, 0)
	m, err := LoadModel(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	limits := schedule.Options{Slots: o.Parallel, Context: o.Context}
	r, err := newRunner(m, o, limits.MaxStep())
	if err != nil {
		t.Fatal(err)
	}
	info, err := r.learnState(t.Context(), m, o.Parallel)
	if err != nil || !info.Supported {
		t.Fatalf("%+v, %v", info, err)
	}
	limits.State = r.stateOptions(o.FlashAttention)
	b := &bench{t: t, rec: &recorder{runner: r, logits: map[*base.Token][][]float32{}}, model: m,
		plan: base.StatePlan{Dir: filepath.Join(t.TempDir(), "kv"), Secret: [32]byte{1}, ID: [32]byte{2}, Seed: [32]byte{3}}}
	b.Scheduler = schedule.New(b.rec, vocabulary{m}, limits)
	t.Cleanup(func() { b.Close(); r.close(); m.Close() })
	for token := range m.VocabularySize() {
		if m.IsEnd(base.Token(token)) {
			b.forbidden = append(b.forbidden, base.LogitBias{Token: base.Token(token), Bias: -100})
		}
	}
	return b
}

// run answers a prompt with most tokens and returns the logits of all of them. Without change, there is no plan.
func (b *bench) run(tokens []base.Token, most int, change func(*base.StatePlan)) ([][]float32, *base.StateReport) {
	b.t.Helper()
	tokens = slices.Clone(tokens) // has an address of its own
	r := &base.Request{MaxTokens: most, Sampling: base.Sampling{LogitBias: b.forbidden}}
	reports := make(chan *base.StateReport, 1)
	plan := b.plan
	plan.Done = func(report *base.StateReport) { reports <- report }
	var err error
	if change == nil {
		reports <- nil
		_, err = b.Generate(b.t.Context(), tokens, r, func(base.Chunk) error { return nil })
	} else {
		change(&plan)
		_, err = b.GenerateState(b.t.Context(), tokens, r, &plan, func(base.Chunk) error { return nil })
	}
	if err != nil {
		b.t.Error(err)
	}
	b.rec.mu.Lock()
	defer b.rec.mu.Unlock()
	logits := b.rec.logits[&tokens[0]]
	delete(b.rec.logits, &tokens[0])
	return logits, <-reports
}

// save saves the state of a prompt so that longer ones can resume at place.
func (b *bench) save(tokens []base.Token, place int) *base.StateReport {
	b.t.Helper()
	plan := b.plan
	plan.Save = true
	report, err := b.Prefill(b.t.Context(), tokens[:place+2], &plan)
	if err != nil || report.Trouble != "" {
		b.t.Fatal(report, err)
	}
	b.commit(report)
	return report
}

func (b *bench) commit(report *base.StateReport) {
	b.t.Helper()
	var files []blob.File
	for _, c := range report.Saved {
		files = append(files, blob.File{Temp: c.Temp, Key: c.Key})
	}
	if _, err := blob.Commit(b.plan.Dir, files); err != nil {
		b.t.Fatal(err)
	}
}

// resumeAt has a plan restore the first place tokens.
func resumeAt(place int) func(*base.StatePlan) {
	return func(p *base.StatePlan) {
		p.Restore = slices.Repeat([]int{base.ChunkTokens}, place/base.ChunkTokens)
		if rest := place % base.ChunkTokens; rest > 0 {
			p.Restore = append(p.Restore, rest)
		}
	}
}

// litter leaves the ends of other requests behind in all slots.
func (b *bench) litter(seed int) {
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() { b.run(random(b.model, 100+50*i, seed+i), 4, nil) })
	}
	all.Wait()
}

// random returns tokens that have not much to do with those of another seed.
func random(m *Model, n, seed int) []base.Token {
	rng := rand.New(rand.NewPCG(uint64(seed), 7))
	tokens := make([]base.Token, n)
	for i := range tokens {
		tokens[i] = base.Token(rng.IntN(m.VocabularySize()))
	}
	return tokens
}

// Every tail behind a restored beginning gives the logits of a cold prompt, for the prompt and 64 tokens more,
// to the last bit, whatever other requests have left behind.
func TestResume_EveryTailIsBitIdentical(t *testing.T) {
	few := []int{2, 3, 63, 64, 65, 130}
	tails := map[int][]int{164: few} // by the place where they begin
	if thorough {
		var every []int
		for k := 2; k <= 130; k++ {
			every = append(every, k)
		}
		tails = map[int][]int{4: few, 64: few, 100: few, 164: every, 256: few, 700: every, 1368: few}
	}
	for _, k := range kinds {
		t.Run(kindName(k.shape, k.kind, k.o), func(t *testing.T) {
			b := newBench(t, testModel(t, k.shape, k.kind), k.o)
			for place, tails := range tails {
				tokens := random(b.model, place+130, place)
				if k.o.FlashAttention {
					place = place / 64 * 64
				}
				if place == 0 {
					continue
				}
				b.save(tokens, place)
				for i, tail := range tails {
					if i%8 == 0 {
						b.litter(place + i)
					}
					b.oneTail(tokens[:place+tail], place, k.o.FlashAttention)
				}
			}
		})
	}
}

func (b *bench) oneTail(tokens []base.Token, place int, flash bool) {
	b.t.Helper()
	const follow = 65 // the first is the end of the prompt
	cold, _ := b.run(tokens, follow, nil)
	resumed, report := b.run(tokens, follow, resumeAt(place))
	want := place
	if flash && len(tokens)-place < 64 {
		want = place - 64 // the last place with 64 tokens behind it
	}
	if report.Restored != want || len(report.Bad) > 0 || report.Origin != base.OriginPrefill && want > 0 {
		b.t.Errorf("prompt of %d: restored %d, want %d: %+v", len(tokens), report.Restored, want, report)
	}
	if len(cold) != follow {
		b.t.Errorf("prompt of %d: %d tokens were sampled, want %d", len(tokens), len(cold), follow)
	}
	if same, difference := differ(cold, resumed); !same {
		b.t.Errorf("prompt of %d resumed at %d: logits differ by up to %g", len(tokens), place, difference)
	}
}

// Beside other requests, a resumed prompt differs from a quiet one by no more than a cold prompt does. Prompts
// are read apart from everybody else, so the end of the prompt does not differ at all.
func TestResume_UnderLoadDiffersNoMoreThanCold(t *testing.T) {
	b := newBench(t, testModel(t, testmodel.Tiny, testmodel.F32), base.LoadOptions{})
	tokens := random(b.model, 300, 1)
	b.save(tokens, 256)
	quiet, _ := b.run(tokens, 30, nil)
	stop, stopped := context.WithCancel(t.Context())
	var others sync.WaitGroup
	for i := range 2 {
		others.Go(func() {
			for n := 0; stop.Err() == nil; n++ {
				b.run(random(b.model, 20+n%100, 10+i), 40, nil)
			}
		})
	}
	worst := map[bool]float64{}
	for range 6 {
		for _, resumes := range []bool{false, true} {
			change := resumeAt(0)
			if resumes {
				change = resumeAt(256)
			}
			logits, report := b.run(tokens, 30, change)
			if resumes != (report.Restored == 256) {
				t.Fatalf("report is %+v", report)
			}
			if same, difference := differ(quiet[:1], logits[:1]); !same {
				t.Errorf("resumed %v: the end of the prompt differs by %g", resumes, difference)
			}
			worst[resumes] = max(worst[resumes], agreeing(quiet, logits))
		}
	}
	stopped()
	others.Wait()
	t.Logf("largest difference of a logit: cold %g, resumed %g", worst[false], worst[true])
	// The two see different company, so chance decides which is the larger.
	if worst[true] > 2*worst[false]+1e-6 {
		t.Errorf("resumed differs by %g, cold by %g", worst[true], worst[false])
	}
}

// agreeing returns the largest difference up to where the two chose different tokens.
func agreeing(a, b [][]float32) (most float64) {
	for i := range min(len(a), len(b)) {
		_, difference := differ(a[i:i+1], b[i:i+1])
		most = max(most, difference)
		if argmax(a[i]) != argmax(b[i]) {
			break
		}
	}
	return most
}

func argmax(v []float32) (at int) {
	for i, x := range v {
		if x > v[at] {
			at = i
		}
	}
	return at
}

// Whatever bit of a file is wrong, llama.cpp never sees it, and the answer is the right one.
func TestResume_FlippedBitsNeverReachTheModel(t *testing.T) {
	b := newBench(t, testModel(t, testmodel.Tiny, testmodel.F16), base.LoadOptions{})
	tokens := random(b.model, 150, 3)
	saved := b.save(tokens, 128)
	cold, _ := b.run(tokens, 10, nil)
	path := blob.Path(b.plan.Dir, saved.Saved[0].Key)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		at := rng.IntN(len(good))
		if i < blob.HeaderSize/4 {
			at = 4 * i // every word of the header too
		}
		bad := slices.Clone(good)
		bad[at] ^= 1 << rng.IntN(8)
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		before := b.rec.sets
		got, report := b.run(tokens, 10, resumeAt(128))
		if same, _ := differ(cold, got); !same || report.Restored != 0 || len(report.Bad) != 1 || report.Bad[0].Key != saved.Saved[0].Key {
			t.Errorf("byte %d: same %v, report %+v", at, same, report)
		}
		if b.rec.sets != before {
			t.Errorf("byte %d: state went into llama.cpp", at)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, report := b.run(tokens, 10, resumeAt(128)); report.Restored != 128 {
		t.Errorf("the good file again: %+v", report)
	} else if same, _ := differ(cold, got); !same {
		t.Error("the good file gave other logits")
	}
}

// An answer's state, as decoding left it, is close to what reading it gives, and says that it is not the same.
func TestResume_BehindAnAnswer(t *testing.T) {
	b := newBench(t, testModel(t, testmodel.TinyWindow, testmodel.F16), base.LoadOptions{})
	tokens := random(b.model, 150, 4)
	logits, report := b.run(tokens, 120, func(p *base.StatePlan) { p.Save, p.SaveAnswer = true, true })
	b.commit(report)
	longer := slices.Clone(tokens)
	for _, l := range logits[:119] {
		longer = append(longer, base.Token(argmax(l)))
	}
	longer = append(longer, random(b.model, 20, 5)...)
	cold, _ := b.run(longer, 1, nil)
	got, report := b.run(longer, 1, resumeAt(268))
	if report.Restored != 268 || report.Origin != base.OriginDecode || len(report.Bad) > 0 {
		t.Fatalf("report is %+v", report)
	}
	if _, difference := differ(cold, got); difference > 0.5 {
		t.Errorf("logits differ by %g", difference)
	}
}

// Restoring and saving again and again takes no memory that stays.
func TestResume_MemoryStaysFlat(t *testing.T) {
	rounds := 60
	if thorough {
		rounds = 400
	}
	b := newBench(t, testModel(t, testmodel.TinyWindow, testmodel.F16), base.LoadOptions{})
	tokens := random(b.model, 700, 6)
	b.save(tokens, 512)
	round := func(i int) {
		_, report := b.run(append(tokens[:512:512], random(b.model, 100, i)...), 2, func(p *base.StatePlan) { resumeAt(512)(p); p.Save = true })
		if report.Restored != 512 || len(report.Saved) == 0 {
			t.Errorf("round %d: %+v", i, report)
		}
		for _, c := range report.Saved {
			if err := os.Remove(c.Temp); err != nil {
				t.Error(err)
			}
		}
	}
	for i := range 20 {
		round(i)
	}
	before := resident(t)
	for i := range rounds {
		round(100 + i)
	}
	if grown := resident(t) - before; grown > slack {
		t.Errorf("%d rounds took %d KiB", rounds, grown)
	}
}

func TestHost_ResumesAConversation(t *testing.T) {
	h := load(t, base.LoadOptions{})
	tokens, err := h.tokens(t.Context(), chat("What is the capital of France? "+strings.Repeat("Please. ", 40)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ask := func(restore []int) (*base.Result, *base.StateReport) {
		reports := make(chan *base.StateReport, 1)
		plan := &base.StatePlan{Dir: dir, Restore: restore, Save: true, Done: func(r *base.StateReport) { reports <- r }}
		r, err := h.GenerateState(t.Context(), &base.Request{Tokens: tokens}, plan, func(base.Chunk) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		return r, <-reports
	}
	cold, report := ask(nil)
	for _, c := range report.Saved {
		if _, err := blob.Commit(dir, []blob.File{{Temp: c.Temp, Key: c.Key}}); err != nil {
			t.Fatal(err)
		}
	}
	warm, report := ask([]int{64})
	if warm.Text != cold.Text || warm.Restored != 64 || report.Restored != 64 || warm.Timings.Restore == 0 {
		t.Errorf("%q after %q, restored %d, report %+v", warm.Text, cold.Text, warm.Restored, report)
	}
	if _, err := h.GenerateState(t.Context(), &base.Request{Prompt: "x"}, &base.StatePlan{}, nil); err == nil {
		t.Error("a plan for a prompt of text was taken")
	}
	if _, err := h.Prefill(t.Context(), []base.Token{1 << 30}, &base.StatePlan{}); err == nil {
		t.Error("tokens outside the vocabulary were taken")
	}
}

// BenchmarkResume says what a prompt of 1,024 tokens costs cold and resumed, in the shape of SmolLM2-135M.
func BenchmarkResume(b *testing.B) {
	s := newBench(b, testModel(b, testmodel.SmolLM2_135M, testmodel.Q8_0), base.LoadOptions{})
	tokens := random(s.model, 1028, 7)
	report := s.save(tokens, 1024)
	b.Logf("prefill took %v", report.Prefill)
	var restore float64
	for b.Loop() {
		_, report := s.run(tokens, 1, resumeAt(1024))
		if report.Restored != 1024 {
			b.Fatal(fmt.Sprint(report))
		}
		restore += report.Restore.Seconds() * 1000
	}
	b.ReportMetric(restore/float64(b.N), "restore-ms")
}
