package hosttest

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
)

func newPlan(dir string) *base.StatePlan {
	return &base.StatePlan{Dir: dir, Secret: [32]byte{1}, ID: [32]byte{2}, Seed: [32]byte{3}, Save: true}
}

// ask generates with a plan and returns the result and the report.
func ask(t *testing.T, h *Host, prompt string, plan *base.StatePlan) (*base.Result, *base.StateReport) {
	t.Helper()
	var report *base.StateReport
	plan.Done = func(r *base.StateReport) {
		if report != nil {
			t.Error("Done was called again")
		}
		report = r
	}
	result, err := h.GenerateState(t.Context(), &base.Request{Tokens: Tokens(prompt, true)}, plan, func(base.Chunk) error { return nil })
	if err != nil || report == nil {
		t.Fatal(err, report)
	}
	return result, report
}

func commit(t *testing.T, dir string, report *base.StateReport) {
	t.Helper()
	for _, c := range report.Saved {
		if _, err := blob.Commit(dir, []blob.File{{Temp: c.Temp, Key: c.Key}}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHost_SavesAndRestoresState(t *testing.T) {
	h, dir := New(Options{}), t.TempDir()
	prompt := strings.Repeat("a b ", 50) // 101 tokens and the space at the end
	plan := newPlan(dir)
	plan.SaveAnswer = true
	cold, report := ask(t, h, prompt, plan)
	var got [][2]any
	for _, c := range report.Saved {
		got = append(got, [2]any{len(c.Tokens), c.Origin})
	}
	if len(got) != 3 || got[0] != [2]any{64, base.OriginPrefill} || got[1] != [2]any{36, base.OriginPrefill} || got[2][1] != base.OriginDecode {
		t.Fatalf("saved %v", got)
	}
	commit(t, dir, report)
	again := newPlan(dir)
	again.Restore = []int{64, 36}
	warm, report := ask(t, h, prompt, again)
	if warm.Text != cold.Text || warm.Restored != 100 || report.Restored != 100 || len(report.Saved) > 0 || len(report.Bad) > 0 {
		t.Errorf("restored %d of %q, report %+v", warm.Restored, warm.Text, report)
	}
	if want := cold.Timings.Prefill - 100*PrefillTime; warm.Timings.Prefill != want {
		t.Errorf("prefill took %v, want %v", warm.Timings.Prefill, want)
	}
}

func TestHost_NamesBadChunks(t *testing.T) {
	h, dir := New(Options{}), t.TempDir()
	prompt := strings.Repeat("x y ", 100)
	_, report := ask(t, h, prompt, newPlan(dir))
	commit(t, dir, report)
	path := blob.Path(dir, report.Saved[1].Key)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[blob.HeaderSize] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	plan := newPlan(dir)
	plan.Restore = []int{64, 64, 64}
	_, got := ask(t, h, prompt, plan)
	if got.Restored != 64 || len(got.Bad) != 1 || got.Bad[0].Key != report.Saved[1].Key || got.Saved[0].Key != report.Saved[1].Key {
		t.Errorf("report is %+v", got)
	}
}

func TestHost_PrefillAndCheck(t *testing.T) {
	h := New(Options{})
	plan := newPlan(t.TempDir())
	report, err := h.Prefill(t.Context(), Tokens(strings.Repeat("a ", 70), true), plan)
	if err != nil || len(report.Saved) != 2 || !slices.Equal(h.Plans(), []*base.StatePlan{plan}) {
		t.Errorf("%+v, %v", report, err)
	}
	if found, err := h.CheckState(t.Context(), []int{10}, nil); err != nil || !found.Holds() || len(found.Trials) != 1 {
		t.Errorf("%+v, %v", found, err)
	}
	none := New(Options{NoState: true})
	if info, _ := none.Info(t.Context()); info.State.Supported || info.State.Reason == "" {
		t.Errorf("state is %+v", info.State)
	}
	if _, report := ask(t, none, "hello", newPlan(t.TempDir())); report.Trouble == "" || report.Computed == 0 {
		t.Errorf("report is %+v", report)
	}
	if _, err := none.Prefill(t.Context(), []base.Token{1}, plan); err == nil {
		t.Error("a host without state prefilled")
	}
}

func TestHost_ReportWaitsAtItsGate(t *testing.T) {
	h := New(Options{})
	gate := h.Hold(AtReport)
	plan := newPlan(t.TempDir())
	reports := make(chan *base.StateReport, 1)
	plan.Done = func(r *base.StateReport) { reports <- r }
	if _, err := h.GenerateState(context.Background(), &base.Request{Tokens: []base.Token{1, 2, 3}}, plan, func(base.Chunk) error { return nil }); err != nil {
		t.Fatal(err)
	}
	<-gate.Arrived()
	if len(reports) > 0 {
		t.Error("the report did not wait")
	}
	gate.Pass()
	select {
	case <-reports:
	case <-time.After(10 * time.Second):
		t.Error("the report did not come")
	}
}
