package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/ngram"
	"github.com/kvasir-cache/kvasir/internal/snapshot"
)

// openEngine opens a cache with one strategy that has no plugins.
func openEngine(t testing.TB, o engine.Options) *engine.Engine {
	t.Helper()
	plain := &engine.Strategy{
		Name: "default", Generation: func() [16]byte { return [16]byte{1} },
		Grams: ngram.Spec{Unit: ngram.Char, Min: 3, Max: 3}, SearchFloor: 0.5, Floor: 0.5, Threshold: 0.8,
	}
	o.Strategy = plain.Name
	o.Strategies = func(context.Context) ([]*engine.Strategy, error) { return []*engine.Strategy{plain}, nil }
	e, err := engine.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// query is one of many queries that differ in all that an export has to carry.
func query(n int) *engine.Query {
	q := &engine.Query{Topic: []string{"", "geo"}[n%2], Tenant: []string{"", "acme", "ümlaut \"x\""}[n%3], Model: engine.ModelID{byte(n % 2)}}
	prompt := fmt.Sprintf("Question %d of <many>, with a \u2028 and a\nline break: what is %d + %d?", n, n, 3*n)
	switch n % 5 {
	case 0:
		q.Request = &base.Request{Prompt: prompt}
	case 1:
		q.Request = &base.Request{Tokens: []base.Token{base.Token(n), 0, 49151}}
	case 2:
		q.Request = &base.Request{Messages: []base.Message{{Role: "system", Content: "Be brief."}, {Role: "user", Content: prompt}, {Role: "assistant", Content: "So"}}}
	default:
		q.Request = &base.Request{Messages: []base.Message{{Role: "system", Content: "Be brief."}, {Role: "user", Content: prompt}}}
	}
	if n%4 == 0 {
		q.Request.Stop = []string{"\n", "end"}
		q.Request.Sampling = base.Sampling{
			Temperature: 0.7, TopK: 40, TopP: 0.95, MinP: 0.05, Seed: new(uint32(n)), RepeatPenalty: 1.1, RepeatLastN: 32,
			FrequencyPenalty: 0.1, PresencePenalty: 0.2, Grammar: "root ::= \"a\"",
			LogitBias: []base.LogitBias{{Token: 3, Bias: -1}, {Token: 4, Bias: float32(-1e6)}},
		}
	}
	return q
}

func answer(n int) *engine.Result {
	return &engine.Result{
		Text: fmt.Sprintf("It is %d.\xff"[:9+n%2], n), FinishReason: base.FinishStop, StopString: []string{"", "\n"}[n%2],
		PromptTokens: []base.Token{1, 2, base.Token(n)}, Tokens: []base.Token{7, 8, 300},
		Usage:   base.Usage{PromptTokens: 3, CompletionTokens: 4},
		Timings: base.Timings{Queue: time.Millisecond, Prefill: time.Duration(n+1) * time.Second, Decode: 1},
	}
}

func fillStore(t testing.TB, e *engine.Engine, n int) {
	t.Helper()
	var last engine.Receipt
	for i := range n {
		var err error
		if last, err = e.Remember(t.Context(), query(i), answer(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := last.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func exported(t testing.TB, e *engine.Engine) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := Export(t.Context(), e, &b, engine.ExportFilter{}, nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestExport_ComesBackByteForByte takes a store to another machine, which has other salts, and compares what
// each exports and answers.
func TestExport_ComesBackByteForByte(t *testing.T) {
	const n = 2500 // more than two batches
	a, b := openEngine(t, engine.Options{Dir: t.TempDir()}), openEngine(t, engine.Options{Dir: t.TempDir()})
	fillStore(t, a, n)
	for i := range 10 {
		if f, err := a.Lookup(t.Context(), query(i)); err != nil || f.Action != base.ActionAnswer {
			t.Fatalf("%+v, %v", f, err)
		}
	}
	first := exported(t, a)
	out, err := Import(t.Context(), b, strings.NewReader(first), ImportOptions{})
	if err != nil || out.Added != n || out.Entries != n {
		t.Fatalf("%+v, %v", out, err)
	}
	if again := exported(t, b); again != first {
		t.Errorf("the second export differs:\n%s\n%s", head(first), head(again))
	}
	if indexed, err := Reindex(t.Context(), b, nil); err != nil || indexed < n/5 {
		t.Errorf("%d entries were indexed, %v", indexed, err)
	}
	for i := range n {
		f, err := b.Lookup(t.Context(), query(i))
		if err != nil || f.Action != base.ActionAnswer || f.Kind != base.KindExact || f.Result.Text != answer(i).Text {
			t.Fatalf("%d: %+v, %v", i, f, err)
		}
	}
	near := query(3)
	near.Request.Messages[1].Content += "?"
	if f, err := b.Lookup(t.Context(), near); err != nil || f.Kind != base.KindApprox {
		t.Errorf("alike: %+v, %v", f, err)
	}
	out, err = Import(t.Context(), b, strings.NewReader(first), ImportOptions{})
	if err != nil || out.Unchanged != n || out.Added+out.Replaced+out.Kept != 0 {
		t.Errorf("the second time: %+v, %v", out, err)
	}
}

func head(text string) string { return text[:min(len(text), 600)] }

func TestExport_FiltersAndLeavesOutWhatServesNobody(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	e := openEngine(t, engine.Options{Now: func() time.Time { return now }, TTL: time.Hour})
	fillStore(t, e, 10)
	now = now.Add(50 * time.Minute)
	q := query(1003)
	if _, err := e.Remember(t.Context(), q, answer(1003)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		filter engine.ExportFilter
		want   int
	}{
		{engine.ExportFilter{}, 11},
		{engine.ExportFilter{Model: "01"}, 6},
		{engine.ExportFilter{After: now}, 1},
		{engine.ExportFilter{Before: now}, 10},
		{engine.ExportFilter{Topic: "geo"}, 6},
		{engine.ExportFilter{Tag: "none"}, 0},
		{engine.ExportFilter{Tenant: new("acme")}, 4},
		{engine.ExportFilter{Tenant: new("nobody")}, 0},
		{engine.ExportFilter{Prompt: "QUESTION 1003"}, 1},
	} {
		var b bytes.Buffer
		out, err := Export(t.Context(), e, &b, c.filter, nil)
		if err != nil || out.Entries != c.want || strings.Count(b.String(), "\n") != c.want+2 {
			t.Errorf("%+v: %+v, %v", c.filter, out, err)
		}
	}
	now = now.Add(20 * time.Minute)
	out, err := Export(t.Context(), e, io.Discard, engine.ExportFilter{}, nil)
	if err != nil || out.Entries != 1 || out.Expired != 10 {
		t.Errorf("after an hour: %+v, %v", out, err)
	}
}

func TestImport_MergeRules(t *testing.T) {
	lines := func(created string, text string) string {
		r := engine.ExportRecord{Model: strings.Repeat("00", 32), Request: snapshot.Request{Prompt: "q"}, Answer: text, FinishReason: base.FinishStop}
		var err error
		if r.Created, err = time.Parse(time.DateOnly, created); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		w := snapshot.NewWriter(&b)
		if err := errors.Join(w.Write(&r), w.End()); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for _, c := range []struct {
		merge   engine.Merge
		created string
		want    string
	}{
		{"", "2026-01-02", "new"}, {engine.MergeNewer, "2025-12-31", "old"}, {engine.MergeNewer, "2026-01-01", "old"},
		{engine.MergeKeep, "2026-01-02", "old"}, {engine.MergeReplace, "2025-12-31", "new"},
	} {
		e := openEngine(t, engine.Options{})
		for _, step := range []struct {
			merge engine.Merge
			text  string
		}{{"", lines("2026-01-01", "old")}, {c.merge, lines(c.created, "new")}} {
			if _, err := Import(t.Context(), e, strings.NewReader(step.text), ImportOptions{Merge: step.merge}); err != nil {
				t.Fatal(err)
			}
		}
		f, err := e.Lookup(t.Context(), &engine.Query{Request: &base.Request{Prompt: "q"}})
		if err != nil || f.Action != base.ActionAnswer || f.Result.Text != c.want {
			t.Errorf("%+v: %+v, %v", c, f, err)
		}
		if stats, err := e.Stats(t.Context()); err != nil || stats["cache.size"] != 1 {
			t.Errorf("%+v: size %v, %v", c, stats["cache.size"], err)
		}
	}
	if _, err := Import(t.Context(), openEngine(t, engine.Options{}), strings.NewReader(lines("2026-01-01", "x")), ImportOptions{Merge: "x"}); !errors.Is(err, base.ErrInvalid) {
		t.Errorf("an unknown rule: %v", err)
	}
}

func TestImport_KeepsTheLimit(t *testing.T) {
	a, b := openEngine(t, engine.Options{}), openEngine(t, engine.Options{MaxEntries: 7})
	fillStore(t, a, 30)
	out, err := Import(t.Context(), b, strings.NewReader(exported(t, a)), ImportOptions{})
	if err != nil || out.Added != 30 || out.Evicted != 23 {
		t.Errorf("%+v, %v", out, err)
	}
	if f, _ := b.Lookup(t.Context(), query(29)); f.Action != base.ActionAnswer {
		t.Errorf("the latest one is gone: %+v", f)
	}
}

// TestImport_BadLinesLoseNothing damages a line at a time.
func TestImport_BadLinesLoseNothing(t *testing.T) {
	a := openEngine(t, engine.Options{})
	fillStore(t, a, 20)
	lines := strings.SplitAfter(exported(t, a), "\n")
	lines[6] = strings.Replace(lines[6], "Question", "Xuestion", 1)                                                           // a bit flipped: line 7
	lines[9] = "no JSON\n"                                                                                                    // line 10
	lines[12] = fmt.Sprintf(`{"model":"%064d","answer":"x","finish_reason":"stop","created":"2026-01-01T00:00:00Z"}`+"\n", 0) // no request: line 13
	damaged := strings.Join(lines, "")
	b := openEngine(t, engine.Options{})
	out, err := Import(t.Context(), b, strings.NewReader(damaged), ImportOptions{})
	if err == nil || !strings.Contains(err.Error(), "line 7: ") || !strings.Contains(err.Error(), "the 5 entries before that are stored") || out.Added != 5 {
		t.Errorf("%+v, %v", out, err)
	}
	var bad []int
	out, err = Import(t.Context(), b, strings.NewReader(damaged), ImportOptions{SkipBad: true, Bad: func(line int, _ error) { bad = append(bad, line) }})
	if err != nil || out.Added != 12 || out.Unchanged != 5 || out.Bad != 3 || fmt.Sprint(bad) != "[7 10 13]" {
		t.Errorf("%+v, bad lines %v, %v", out, bad, err)
	}
	short := strings.Join(lines[:5], "")
	if out, err = Import(t.Context(), openEngine(t, engine.Options{}), strings.NewReader(short), ImportOptions{}); !errors.Is(err, snapshot.ErrShort) || out.Added != 4 {
		t.Errorf("cut off: %+v, %v", out, err)
	}
}

// TestImport_NoFlippedBitPasses flips bits of a file: the import fails, or what it stores is what was exported.
func TestImport_NoFlippedBitPasses(t *testing.T) {
	a := openEngine(t, engine.Options{})
	fillStore(t, a, 4)
	whole := exported(t, a)
	for at := 0; at < len(whole); at += 3 {
		flipped := []byte(whole)
		flipped[at] ^= 1 << (at % 8)
		b := openEngine(t, engine.Options{})
		_, err := Import(t.Context(), b, bytes.NewReader(flipped), ImportOptions{})
		if got := exported(t, b); err == nil && got != whole {
			t.Fatalf("byte %d: %q passes", at, flipped[max(0, at-20):min(len(flipped), at+20)])
		}
		b.Close()
	}
}

func TestSnapshot_IsWrittenAndReadAndForeignEditsAreSeen(t *testing.T) {
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "folder", "cache.jsonl")
	a := openEngine(t, engine.Options{Dir: t.TempDir()})
	if about, err := a.Snapshot(ctx); err != nil || !about.New || about.Written {
		t.Fatalf("%+v, %v", about, err)
	}
	fillStore(t, a, 3)
	if out, err := WriteSnapshot(ctx, a, path, false, nil); err != nil || out.Entries != 3 {
		t.Fatalf("%+v, %v", out, err)
	}
	if about, err := a.Snapshot(ctx); err != nil || about.New || !about.Written || about.Changed {
		t.Errorf("%+v, %v", about, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	fillStore(t, a, 4)
	if about, err := a.Snapshot(ctx); err != nil || !about.Changed {
		t.Errorf("%+v, %v", about, err)
	}
	touched := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, touched, touched); err != nil { // the same bytes: no edit
		t.Fatal(err)
	}
	if _, err := WriteSnapshot(ctx, a, path, false, nil); err != nil {
		t.Fatal(err)
	}
	whole, _ := os.ReadFile(path)
	edited := append(whole, '\n')
	if err := os.WriteFile(path, edited, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteSnapshot(ctx, a, path, false, nil); !errors.Is(err, ErrForeign) || base.Hint(err) == "" {
		t.Errorf("an edited file was written over: %v", err)
	}
	if now, _ := os.ReadFile(path); !bytes.Equal(now, edited) {
		t.Error("the edited file was changed")
	}
	if _, err := ReadSnapshot(ctx, a, path, ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteSnapshot(ctx, a, path, false, nil); err != nil {
		t.Errorf("what was read may be written over: %v", err)
	}
}

// BenchmarkExport_Million measures a million entries, or as many as -benchtime says (such as 10000x). Each has a
// conversation of two messages and 60 tokens.
func BenchmarkExport_Million(b *testing.B) {
	n := b.N
	a := openEngine(b, engine.Options{Dir: b.TempDir(), MaxEntries: n + 1})
	path := filepath.Join(b.TempDir(), "x.jsonl")
	makeExport(b, path, n)
	read := func(e *engine.Engine) time.Duration {
		file, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		defer file.Close()
		began := time.Now()
		if out, err := Import(b.Context(), e, file, ImportOptions{}); err != nil || out.Added != n {
			b.Fatalf("%+v, %v", out, err)
		}
		return time.Since(began)
	}
	b.ReportMetric(0, "ns/op")
	busy := processorTime(b)
	b.ReportMetric(float64(n)/read(a).Seconds(), "imported/s")
	b.ReportMetric(float64(n)/(processorTime(b)-busy).Seconds(), "imported/cpu-s") // which other processes do not change
	began := time.Now()
	sum, err := snapshot.WriteFile(path+".2", func(w io.Writer) error {
		_, err := Export(b.Context(), a, w, engine.ExportFilter{}, nil)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(n)/time.Since(began).Seconds(), "exported/s")
	if want, err := snapshot.SumFile(path); err != nil || want.SHA256 != sum.SHA256 {
		b.Errorf("the second export is another one: %v", err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys)/(1<<20), "MiB")
	began = time.Now()
	if indexed, err := Reindex(b.Context(), a, nil); err != nil || indexed != n {
		b.Fatalf("%d indexed, %v", indexed, err)
	}
	b.ReportMetric(float64(n)/time.Since(began).Seconds(), "indexed/s")
}

// processorTime is what this process has used of all processors.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func makeExport(b *testing.B, path string, n int) {
	b.Helper()
	_, err := snapshot.WriteFile(path, func(w io.Writer) error {
		lines := snapshot.NewWriter(w)
		tokens := make([]base.Token, 60)
		for i := range n {
			for j := range tokens {
				tokens[j] = base.Token((i*31 + j*997) % 49152)
			}
			prompt := fmt.Sprintf("What is the answer to question number %d of a million, in a sentence?", i)
			r := engine.ExportRecord{
				Model:   strings.Repeat("ab", 32),
				Request: snapshot.Request{Messages: []base.Message{{Role: "system", Content: "Be brief."}, {Role: "user", Content: prompt}}},
				Answer:  fmt.Sprintf("The answer to it is %d, as far as anybody knows, and nobody has found another one yet.", i), FinishReason: base.FinishStop,
				PromptTokens: tokens[:40], Tokens: tokens[40:], Usage: base.Usage{PromptTokens: 40, CompletionTokens: 21},
				Timings: snapshot.Timings{Prefill: time.Second, Decode: time.Second, Cost: 2 * time.Second},
				Created: time.Unix(1_700_000_000, int64(i)).UTC(),
			}
			if err := lines.Write(&r); err != nil {
				return err
			}
		}
		return lines.End()
	})
	if err != nil {
		b.Fatal(err)
	}
}
