package schedule

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/layout"
)

// tokenLayout is the layout of a countRunner's state: one layer whose keys are the tokens themselves.
func tokenLayout(t testing.TB, slots int) *layout.Layout {
	t.Helper()
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0xaf143cd8)
	for _, v := range []uint32{0, uint32(slots), 1, 0, 1, 0, 0, 1, 0} { // sequence, streams, one cell, rows, one layer, type
		b = le.AppendUint32(b, v)
	}
	b = append(le.AppendUint64(b, 4), 1, 2, 3, 4)
	for range slots - 1 {
		b = le.AppendUint32(b, 0)
	}
	l, err := layout.Learn(b, 0, slots, 1)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (r *countRunner) State(slot, tokens int, buf []byte) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return nil, r.broken
	}
	if len(r.tokens[slot]) != tokens {
		r.t.Errorf("state of %d tokens asked of slot %d, which holds %d", tokens, slot, len(r.tokens[slot]))
	}
	j, err := r.layout.Join(buf, slot, tokens)
	if err != nil {
		return nil, err
	}
	return j.Bytes(), j.Put(0, payload(r.tokens[slot]))
}

func payload(tokens []base.Token) (b []byte) {
	for _, t := range tokens {
		b = binary.LittleEndian.AppendUint32(b, uint32(t))
	}
	return b
}

func (r *countRunner) SetState(slot int, state []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return r.broken
	}
	n := (len(state) - r.layout.Size(0)) / (12 + 4)
	for r.layout.Size(n) > len(state) {
		n--
	}
	s, err := r.layout.Parse(state, slot, n)
	if err != nil {
		r.t.Errorf("state that was restored: %v", err)
		return err
	}
	data, _ := r.layout.Cut(nil, s, 0, n)
	r.tokens[slot], r.held[slot] = nil, n
	for ; len(data) > 0; data = data[4:] {
		r.tokens[slot] = append(r.tokens[slot], base.Token(binary.LittleEndian.Uint32(data)))
	}
	r.restores++
	return nil
}

// rig is a scheduler over a countRunner, with a folder of chunk files.
type rig struct {
	*Scheduler
	t      *testing.T
	runner *countRunner
	plan   base.StatePlan
}

func newRig(t *testing.T, o Options) *rig {
	t.Helper()
	r := newCountRunner(t, 4096)
	if o.Slots == 0 {
		o.Slots = 2
	}
	r.layout = tokenLayout(t, o.Slots)
	if o.State == nil {
		o.State = &StateOptions{Align: 4, Leave: 2}
	}
	o.State.Layout = r.layout
	return &rig{open(t, r, o), t, r, base.StatePlan{Dir: filepath.Join(t.TempDir(), "kv"), Secret: [32]byte{1}, ID: [32]byte{2}, Seed: [32]byte{3}}}
}

// tell returns a plan and what it will be told, once.
func (r *rig) tell(change func(*base.StatePlan)) (*base.StatePlan, <-chan *base.StateReport) {
	reports := make(chan *base.StateReport, 2)
	plan := r.plan
	plan.Done = func(report *base.StateReport) { reports <- report }
	change(&plan)
	r.t.Cleanup(func() {
		r.Close()
		if len(reports) > 0 {
			r.t.Error("Done was called again")
		}
	})
	return &plan, reports
}

// run generates with a plan and returns its report.
func (r *rig) run(tokens []base.Token, most int, change func(*base.StatePlan)) *base.StateReport {
	r.t.Helper()
	plan, reports := r.tell(change)
	result, err := r.GenerateState(r.t.Context(), tokens, &base.Request{MaxTokens: most}, plan, ignore)
	if err != nil {
		r.t.Fatal(err)
	}
	if want := fmt.Sprintf("%d ", len(tokens)); !strings.HasPrefix(result.Text, want) {
		r.t.Errorf("the answer is %.20q, want one that begins with %q", result.Text, want)
	}
	report := <-reports
	if result.Restored != report.Restored || result.Timings.Restore < report.Restore {
		r.t.Errorf("the result says %d restored in %v, the report %d in %v", result.Restored, result.Timings.Restore, report.Restored, report.Restore)
	}
	return report
}

// commit gives the files of a report their names.
func (r *rig) commit(report *base.StateReport) {
	r.t.Helper()
	var files []blob.File
	for _, c := range report.Saved {
		files = append(files, blob.File{Temp: c.Temp, Key: c.Key})
	}
	if _, err := blob.Commit(r.plan.Dir, files); err != nil {
		r.t.Fatal(err)
	}
}

func saving(p *base.StatePlan) { p.Save = true }

func numbered(n int) []base.Token {
	tokens := make([]base.Token, n)
	for i := range tokens {
		tokens[i] = base.Token(1000 + i)
	}
	return tokens
}

// lengths of the chunks that a report saved.
func lengths(report *base.StateReport) (n []int) {
	for _, c := range report.Saved {
		n = append(n, len(c.Tokens))
	}
	return n
}

func TestState_SavedPromptResumesWhereItEnded(t *testing.T) {
	for _, n := range []int{6, 63, 64, 65, 66, 100, 128, 129, 130, 131, 500} {
		r := newRig(t, Options{})
		tokens := numbered(n)
		saved := r.run(tokens, 3, saving)
		if saved.Computed != n || saved.Restored != 0 || saved.Trouble != "" {
			t.Errorf("%d tokens, cold: %+v", n, saved)
		}
		r.commit(saved)
		short := (n - 2) / 4 * 4
		plan := slices.Repeat([]int{64}, short/64)
		if short%64 > 0 {
			plan = append(plan, short%64)
		}
		report := r.run(tokens, 3, func(p *base.StatePlan) { p.Restore = plan; p.Save = true })
		if report.Restored != short || report.Computed != n-short || report.Origin != base.OriginPrefill || len(report.Bad) > 0 {
			t.Errorf("%d tokens: restored %d and computed %d, want %d and %d: %+v", n, report.Restored, report.Computed, short, n-short, report)
		}
		for _, c := range report.Saved {
			if len(c.Tokens) < 64 {
				t.Errorf("%d tokens: a short chunk that was there is saved again", n)
			}
		}
	}
}

// What the chunks say of themselves must let the cache build its tree.
func TestState_ReportNamesEveryChunk(t *testing.T) {
	r := newRig(t, Options{})
	tokens := numbered(200)
	report := r.run(tokens, 1, saving)
	parent := r.plan.Seed
	for i, c := range report.Saved {
		want := tokens[i*64 : min(i*64+64, 196)]
		if !slices.Equal(c.Tokens, want) || c.From != i*64 || c.Parent != parent || c.Key != blob.NextKey(parent, want) || c.Origin != base.OriginPrefill {
			t.Errorf("chunk %d is %+v", i, c)
		}
		info, err := os.Stat(c.Temp)
		if err != nil || info.Size() != c.Bytes || info.Mode().Perm() != 0o600 || c.Bytes != int64(blob.HeaderSize+4*len(want)) {
			t.Errorf("file of chunk %d: %v, %v, want %d bytes", i, info, err, c.Bytes)
		}
		parent = c.Key
	}
	if got := lengths(report); !slices.Equal(got, []int{64, 64, 64, 4}) {
		t.Errorf("chunks of %v tokens", got)
	}
}

func TestState_SharedBeginningIsSavedOnce(t *testing.T) {
	r := newRig(t, Options{})
	r.commit(r.run(numbered(150), 1, saving))
	other := append(numbered(128), 7, 7, 7, 7, 7, 7, 7, 7, 7, 7)
	report := r.run(other, 1, func(p *base.StatePlan) { p.Restore, p.Save = []int{64, 64}, true })
	if report.Restored != 128 || !slices.Equal(lengths(report), []int{8}) {
		t.Errorf("restored %d, saved chunks of %v tokens, want 128 and one of 8", report.Restored, lengths(report))
	}
}

func TestState_AnswerIsSavedAsDecoded(t *testing.T) {
	r := newRig(t, Options{})
	tokens := numbered(100)
	report := r.run(tokens, 101, func(p *base.StatePlan) { p.Save, p.SaveAnswer = true, true })
	r.commit(report)
	// The prompt in 64 and 32; then 100 tokens of the answer that were read again.
	var got []string
	for _, c := range report.Saved {
		got = append(got, fmt.Sprintf("%d+%d %s", c.From, len(c.Tokens), c.Origin))
	}
	want := []string{"0+64 prefill", "64+32 prefill", "64+64 decode", "128+64 decode", "192+8 decode"}
	if !slices.Equal(got, want) {
		t.Fatalf("saved %q, want %q", got, want)
	}
	longer := slices.Clone(tokens)
	for i := range 100 {
		longer = append(longer, base.Token(100+i))
	}
	again := r.run(append(longer, 1, 2, 3, 4, 5, 6), 1, func(p *base.StatePlan) { p.Restore, p.Save = []int{64, 64, 64, 8}, true })
	if again.Restored != 200 || again.Origin != base.OriginDecode || len(again.Bad) > 0 {
		t.Errorf("resumed behind the answer: %+v", again)
	}
	for _, c := range again.Saved {
		if c.Origin != base.OriginDecode {
			t.Error("what was read behind decoded state counts as prefill")
		}
	}
}

func TestState_CheapPromptIsNotSaved(t *testing.T) {
	r := newRig(t, Options{})
	report := r.run(numbered(300), 50, func(p *base.StatePlan) { p.Save, p.SaveAnswer, p.MinPrefill = true, true, time.Hour })
	if len(report.Saved) > 0 || report.Trouble != "" {
		t.Errorf("report is %+v", report)
	}
}

// Whatever is wrong with a file, the answer is right, and what can be used is.
func TestState_BadChunksAreNamedAndComputed(t *testing.T) {
	flip := func(path string) error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		data[len(data)/2] ^= 1
		return os.WriteFile(path, data, 0o600)
	}
	for name, tt := range map[string]struct {
		spoil    func(path string) error
		chunk    int
		restored int
		plan     func(*base.StatePlan)
	}{
		"a flipped bit":     {flip, 1, 64, nil},
		"the first one":     {flip, 0, 0, nil},
		"the last one":      {flip, 3, 192, nil},
		"cut short":         {func(p string) error { return os.Truncate(p, 100) }, 2, 128, nil},
		"gone":              {os.Remove, 1, 64, nil},
		"another model":     {func(string) error { return nil }, 0, 0, func(p *base.StatePlan) { p.ID[0]++ }},
		"another secret":    {func(string) error { return nil }, 0, 0, func(p *base.StatePlan) { p.Secret[0]++ }},
		"another tenant":    {func(string) error { return nil }, 0, 0, func(p *base.StatePlan) { p.Seed[0]++ }},
		"a folder":          {func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) }, 1, 64, nil},
		"a link to nothing": {func(p string) error { return errors.Join(os.Remove(p), os.Symlink("/nowhere", p)) }, 1, 64, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			tokens := numbered(240)
			first := r.run(tokens, 1, saving)
			r.commit(first)
			if err := tt.spoil(blob.Path(r.plan.Dir, first.Saved[tt.chunk].Key)); err != nil {
				t.Fatal(err)
			}
			report := r.run(tokens, 5, func(p *base.StatePlan) {
				p.Restore, p.Save = []int{64, 64, 64, 44}, true
				if tt.plan != nil {
					tt.plan(p)
				}
			})
			if report.Restored != tt.restored || report.Computed != 240-tt.restored || len(report.Bad) == 0 || report.Bad[0].Reason == "" {
				t.Errorf("report is %+v, want %d restored and a bad chunk", report, tt.restored)
			}
			if tt.plan == nil && (len(report.Bad) != 1 || report.Bad[0].Key != first.Saved[tt.chunk].Key) {
				t.Errorf("bad are %x, want just %x", report.Bad, first.Saved[tt.chunk].Key)
			}
			if len(report.Saved) == 0 || report.Saved[0].From != tt.restored/64*64 {
				t.Errorf("what was computed is not saved again: %v", lengths(report))
			}
		})
	}
}

func TestState_ResumesOnlyWhereAColdPromptGivesTheSame(t *testing.T) {
	off, on := &StateOptions{Align: 4, Leave: 2}, &StateOptions{Align: 64, Leave: 64}
	for _, tt := range []struct {
		o       *StateOptions
		lengths []int
		prompt  int
		want    []int
	}{
		{off, []int{64, 36}, 102, []int{64, 36}},
		{off, []int{64, 36}, 101, []int{64}},
		{off, []int{64, 35}, 200, []int{64}},
		{off, []int{64, 64}, 129, []int{64}},
		{off, []int{30, 64}, 200, []int{}},
		{off, []int{64, 0, 64}, 200, []int{64}},
		{off, []int{64, 65}, 200, []int{64}},
		{off, []int{64, -4}, 200, []int{64}},
		{off, []int{64, 32, 64}, 200, []int{64, 32}},
		{on, []int{64, 64, 32}, 200, []int{64, 64}},
		{on, []int{64, 64}, 191, []int{64}},
		{on, []int{64, 64}, 192, []int{64, 64}},
	} {
		if got := tt.o.usable(tt.lengths, tt.prompt); !slices.Equal(got, tt.want) {
			t.Errorf("of %v before a prompt of %d with %+v: %v, want %v", tt.lengths, tt.prompt, *tt.o, got, tt.want)
		}
	}
}

func TestState_FlashAttentionSavesFullChunksOnly(t *testing.T) {
	r := newRig(t, Options{State: &StateOptions{Align: 64, Leave: 64}})
	report := r.run(numbered(250), 1, saving)
	if got := lengths(report); !slices.Equal(got, []int{64, 64, 64}) {
		t.Errorf("chunks of %v tokens", got)
	}
	near := func(p *base.StatePlan) { p.Save, p.Near = true, true }
	report = r.run(numbered(250), 1, near)
	if got := lengths(report); !slices.Equal(got, []int{64, 64, 64, 56}) {
		t.Errorf("near: chunks of %v tokens", got)
	}
	r.commit(report)
	report = r.run(numbered(400), 1, func(p *base.StatePlan) { p.Restore, p.Near, p.Save = []int{64, 64, 64, 56}, true, true })
	if report.Restored != 248 || len(report.Saved) == 0 || report.Saved[0].Origin != base.OriginDecode {
		t.Errorf("near: %+v", report)
	}
}

// A restore that llama.cpp refuses must not end the request, nor leave its bytes to others.
func TestState_FailedRestoreIsComputedInWashedMemory(t *testing.T) {
	r := newRig(t, Options{})
	tokens := numbered(200)
	r.commit(r.run(tokens, 1, saving))
	r.runner.mu.Lock()
	r.runner.broken = errors.New("it does not fit")
	r.runner.mu.Unlock()
	report := r.run(tokens, 5, func(p *base.StatePlan) { p.Restore, p.Save = []int{64, 64}, true })
	if report.Restored != 0 || report.Computed != 200 || !strings.Contains(report.Trouble, "it does not fit") {
		t.Errorf("report is %+v", report)
	}
	if r.runner.resets == 0 {
		t.Error("the memory was not overwritten")
	}
}

func TestState_FailedSaveDoesNotTouchTheAnswer(t *testing.T) {
	for _, broken := range []error{errors.New("no"), fmt.Errorf("no: %w", ErrSlotLost)} {
		r := newRig(t, Options{})
		r.runner.broken = broken
		report := r.run(numbered(200), 5, func(p *base.StatePlan) { p.Save, p.SaveAnswer = true, true })
		if len(report.Saved) > 0 || report.Trouble == "" {
			t.Errorf("report is %+v", report)
		}
		if lost := errors.Is(broken, ErrSlotLost); lost != (r.runner.resets > 0) {
			t.Errorf("slot lost: %v, overwritten %d times", lost, r.runner.resets)
		}
	}
}

func TestState_FolderThatCannotBeWrittenIsTrouble(t *testing.T) {
	r := newRig(t, Options{})
	if err := os.WriteFile(r.plan.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if report := r.run(numbered(200), 5, saving); report.Trouble == "" || len(report.Saved) > 0 {
		t.Errorf("report is %+v", report)
	}
}

// Done must come once, however a request ends.
func TestState_DoneIsCalledHoweverItEnds(t *testing.T) {
	wait := func(t *testing.T, reports <-chan *base.StateReport) {
		t.Helper()
		select {
		case <-reports:
		case <-time.After(10 * time.Second):
			t.Error("Done was not called")
		}
	}
	everything := func(p *base.StatePlan) { p.Restore, p.Save, p.SaveAnswer = []int{64}, true, true }
	t.Run("too long", func(t *testing.T) {
		r := newRig(t, Options{})
		plan, reports := r.tell(everything)
		_, err := r.GenerateState(t.Context(), numbered(5000), &base.Request{}, plan, ignore)
		if !errors.Is(err, base.ErrTooLong) {
			t.Error(err)
		}
		wait(t, reports)
	})
	t.Run("bad grammar", func(t *testing.T) {
		r := newRig(t, Options{})
		plan, reports := r.tell(everything)
		_, _ = r.GenerateState(t.Context(), numbered(100), &base.Request{Sampling: base.Sampling{Grammar: "x"}}, plan, ignore)
		wait(t, reports)
	})
	t.Run("closed", func(t *testing.T) {
		r := newRig(t, Options{})
		r.Close()
		plan, reports := r.tell(everything)
		_, _ = r.GenerateState(t.Context(), numbered(100), &base.Request{}, plan, ignore)
		wait(t, reports)
	})
	t.Run("closed meanwhile", func(t *testing.T) {
		r := newRig(t, Options{})
		plan, reports := r.tell(everything)
		_, _ = r.GenerateState(t.Context(), numbered(100), &base.Request{}, plan, func(base.Chunk) error {
			go r.Close()
			return nil
		})
		wait(t, reports)
	})
	t.Run("emit fails", func(t *testing.T) {
		r := newRig(t, Options{})
		plan, reports := r.tell(everything)
		_, _ = r.GenerateState(t.Context(), numbered(100), &base.Request{}, plan, func(base.Chunk) error { return errors.New("no") })
		wait(t, reports)
	})
	t.Run("cancelled in the queue", func(t *testing.T) {
		r := newRig(t, Options{Slots: 1})
		ctx, cancel := context.WithCancel(t.Context())
		plan, reports := r.tell(everything)
		_, _ = r.Generate(t.Context(), numbered(10), &base.Request{}, func(c base.Chunk) error {
			if c.Text == "20 " {
				go func() { _, _ = r.GenerateState(ctx, numbered(100), &base.Request{}, plan, ignore) }()
			}
			if c.Text == "500 " {
				cancel()
			}
			return nil
		})
		cancel()
		wait(t, reports)
	})
}

func TestState_OneScheduleWithoutItComputesAndSaysSo(t *testing.T) {
	r := newCountRunner(t, 4096)
	s := open(t, r, Options{})
	reports := make(chan *base.StateReport, 1)
	plan := &base.StatePlan{Dir: t.TempDir(), Restore: []int{64}, Save: true, Done: func(r *base.StateReport) { reports <- r }}
	if _, err := s.GenerateState(t.Context(), numbered(100), &base.Request{MaxTokens: 2}, plan, ignore); err != nil {
		t.Fatal(err)
	}
	if report := <-reports; report.Computed != 100 || report.Trouble == "" {
		t.Errorf("report is %+v", report)
	}
	if _, err := s.Prefill(t.Context(), numbered(100), plan); !errors.Is(err, base.ErrUnsupported) {
		t.Errorf("prefill: %v", err)
	}
}

func TestPrefill_SavesWithoutAnAnswer(t *testing.T) {
	r := newRig(t, Options{})
	plan, _ := r.tell(saving)
	report, err := r.Prefill(t.Context(), numbered(203), plan)
	if err != nil || !slices.Equal(lengths(report), []int{64, 64, 64, 8}) || report.Computed != 200 {
		t.Fatalf("%+v, %v", report, err)
	}
	for _, steps := range r.runner.evals {
		if steps[0].Output {
			t.Error("a prefill asked for output")
		}
	}
	r.commit(report)
	plan.Restore = []int{64, 64}
	if report, err = r.Prefill(t.Context(), numbered(203), plan); err != nil || report.Restored != 128 || report.Computed != 72 {
		t.Errorf("again: %+v, %v", report, err)
	}
}

// A prefill reads nothing while a request is in work, and goes on afterwards.
func TestPrefill_WaitsWhileOthersWork(t *testing.T) {
	r := newRig(t, Options{Slots: 2})
	plan, _ := r.tell(saving)
	var all sync.WaitGroup
	begun := make(chan struct{})
	var once sync.Once
	r.runner.before = func(steps []Step) {
		if steps[0].Slot == 0 && len(steps[0].Tokens) > 1 && steps[0].Tokens[0] == 1000 {
			once.Do(func() { close(begun) })
		}
	}
	all.Go(func() {
		report, err := r.Prefill(t.Context(), numbered(2000), plan)
		if err != nil || report.Computed != 1996 {
			t.Errorf("%+v, %v", report, err)
		}
	})
	<-begun
	if _, err := r.Generate(t.Context(), prompt(10), &base.Request{MaxTokens: 500}, ignore); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	working := false
	for _, steps := range r.runner.evals {
		for _, s := range steps {
			switch {
			case s.Slot == 1:
				working = s.Position < 508 // its last evaluated token
			case working && s.Position > 0:
				t.Fatalf("the prefill read at %d while a request was in work", s.Position)
			}
		}
	}
}

func TestPrefill_LeavesItsSlotAndKeepsWhatItHas(t *testing.T) {
	r := newRig(t, Options{Slots: 1})
	plan, _ := r.tell(saving)
	var once sync.Once
	answered := make(chan error, 1)
	r.runner.before = func(steps []Step) {
		if steps[0].Position >= 256 && steps[0].Tokens[0] >= 1000 {
			once.Do(func() {
				go func() {
					_, err := r.Generate(t.Context(), prompt(10), &base.Request{MaxTokens: 5}, ignore)
					answered <- err
				}()
				for !r.waiting() {
					time.Sleep(time.Millisecond)
				}
			})
		}
	}
	report, err := r.Prefill(t.Context(), numbered(3000), plan)
	if !errors.Is(err, base.ErrOverloaded) {
		t.Fatalf("error is %v, want ErrOverloaded", err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if n := len(report.Saved); n < 4 || n*64 != report.Computed || report.Computed > 1000 {
		t.Errorf("kept %d chunks of %d tokens", n, report.Computed)
	}
}

func TestState_WritesOnlySoManyAtOnce(t *testing.T) {
	r := newRig(t, Options{Slots: 4})
	for range maxSaves {
		r.saves <- struct{}{}
	}
	report := r.run(numbered(200), 5, saving)
	if len(report.Saved) > 0 || !strings.Contains(report.Trouble, "being written") {
		t.Errorf("report is %+v", report)
	}
	for range maxSaves {
		<-r.saves
	}
}

// A request whose caller leaves while its files are read gives its slot to the one that waits.
func TestState_ACancelledRestoreLetsTheNextIn(t *testing.T) {
	r := newRig(t, Options{Slots: 1})
	r.commit(r.run(numbered(200), 1, saving))
	for range maxRestores {
		r.loads <- struct{}{} // so that the restore waits
	}
	plan, reports := r.tell(func(p *base.StatePlan) { p.Restore = []int{64} })
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := r.GenerateState(ctx, numbered(200), &base.Request{MaxTokens: 1}, plan, ignore)
		left <- err
	}()
	for in := false; !in; time.Sleep(time.Millisecond) {
		if err := r.Do(t.Context(), func() { in = r.slots[0] != nil }); err != nil {
			t.Fatal(err)
		}
	}
	next := make(chan error, 1)
	go func() {
		_, err := r.Generate(t.Context(), prompt(10), &base.Request{MaxTokens: 1}, ignore)
		next <- err
	}()
	for !r.waiting() {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the request that left ended with %v", err)
	}
	select {
	case err := <-next:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the request that waited was not let in")
	}
	<-reports
	for range maxRestores {
		<-r.loads
	}
}

// Many requests with plans at once, some cancelled, under the race detector.
func TestState_HammersSlotsAndFiles(t *testing.T) {
	r := newRig(t, Options{Slots: 3, Queue: 1000})
	r.commit(r.run(numbered(400), 1, saving))
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%7+1)*3*time.Millisecond)
			defer cancel()
			if i%3 > 0 {
				ctx = t.Context()
			}
			reports := make(chan *base.StateReport, 1)
			plan := r.plan
			plan.Restore, plan.Save, plan.SaveAnswer = slices.Repeat([]int{64}, i%6), i%2 == 0, i%4 == 0
			plan.Done = func(report *base.StateReport) { reports <- report }
			tokens := append(numbered(384), prompt(2+i)...)
			if i%5 == 0 {
				_, _ = r.Prefill(ctx, tokens, &plan)
				return
			}
			_, err := r.GenerateState(ctx, tokens, &base.Request{MaxTokens: 10}, &plan, ignore)
			report := <-reports
			if err == nil && (report.Restored != i%6*64 || report.Restored+report.Computed != len(tokens)) {
				t.Errorf("request %d: %+v", i, report)
			}
		})
	}
	all.Wait()
}
