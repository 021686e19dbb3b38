package wasmhost

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

func TestStdio_AnswersEveryRole(t *testing.T) {
	p := loadFixture(t, "lines", nil)
	ctx := t.Context()
	if m := p.Manifest(); m.Name != "lines" || len(m.Roles) != 5 {
		t.Errorf("manifest is %+v", m)
	}
	for _, text := range []string{"", "a plain text", "„quotes“ \"and\" \\ signs <&>", strings.Repeat("wide ", 5000)} {
		if got, err := p.Normalize(ctx, text); got != text || err != nil {
			t.Errorf("Normalize(%.30q): %.30q, %v", text, got, err)
		}
	}
	if scores, err := p.Score(ctx, "q", []string{"a", "b"}); err != nil || !slices.Equal(scores, []float32{0.25, 1}) {
		t.Errorf("Score: %v, %v", scores, err)
	}
	if _, err := p.Score(ctx, "q", []string{"a"}); !errors.Is(err, hostapi.ErrOutput) {
		t.Errorf("two scores for one candidate: %v", err)
	}
	if sets, err := p.Features(ctx, []string{"a"}); err != nil || !slices.Equal(sets[0], []uint64{1, 1<<64 - 1}) {
		t.Errorf("Features: %v, %v", sets, err)
	}
	if d, err := p.Hook(ctx, &hostapi.Event{Hook: hostapi.RoleOnHit}); err != nil || d == nil || *d.Accept {
		t.Errorf("on_hit: %+v, %v", d, err)
	}
	if d, err := p.Hook(ctx, &hostapi.Event{Hook: hostapi.RoleOnMiss}); err != nil || d != nil {
		t.Errorf("on_miss without an opinion: %+v, %v", d, err)
	}
	if e, err := p.Explain(ctx, "a", "b"); err != nil || e.Reason != "so it is" {
		t.Errorf("Explain: %+v, %v", e, err)
	}
	if s := p.Stats(); s.Started != 2 || s.Discarded != 1 || s.Steps == 0 {
		t.Errorf("stats are %+v, want one instance thrown away", s)
	}
}

func TestStdio_ProtocolIsKept(t *testing.T) {
	p := loadFixture(t, "lines", func(o *Options) { o.Limits.Steps = 100 * DefaultSteps })
	for text, want := range map[string]struct {
		err  error
		says string
	}{
		"error":            {hostapi.ErrFailed, "on purpose"},
		"loop":             {hostapi.ErrBudget, "60000000 steps"},
		"silent":           {hostapi.ErrOutput, "read on without an answer"},
		"End":              {hostapi.ErrTrap, "main function returned"},
		"Xit":              {hostapi.ErrTrap, "exited with code 0"},
		"crash":            {hostapi.ErrTrap, "the program is lost"},
		"field":            {hostapi.ErrOutput, `no "text"`},
		"json":             {hostapi.ErrOutput, "answer: invalid character"},
		"two lines":        {hostapi.ErrOutput, "more than one line"},
		"output":           {hostapi.ErrOutput, "a line has more than"},
		"no end of line":   {hostapi.ErrOutput, "has no end of line"},
		"zero bytes first": {nil, ""},
	} {
		_, err := p.Normalize(t.Context(), text)
		if !errors.Is(err, want.err) || want.err == nil && err != nil || err != nil && !strings.Contains(err.Error(), want.says) {
			t.Errorf("%s: got %v, want %v saying %q", text, err, want.err, want.says)
		}
		if got, err := p.Normalize(t.Context(), "afterwards"); got != "afterwards" || err != nil {
			t.Errorf("after %s: %q, %v", text, got, err)
		}
	}
}

func TestStdio_LeavesNoGoroutine(t *testing.T) {
	r := openRuntime(t)
	before := runtime.NumGoroutine()
	for range 20 {
		p, err := loadModule(t, r, fixture(t, "lines"))
		if err != nil {
			t.Fatal(err)
		}
		p.Normalize(t.Context(), "crash")
		p.Normalize(t.Context(), "fine")
		p.Close()
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines are left of %d plugins", runtime.NumGoroutine()-before, 20)
		}
	}
}

func TestStdio_ImportsOnlyWASI(t *testing.T) {
	b := &builder{memory: "memory", exports: []function{{name: "_start", typ: typeOf("", "")}}}
	b.importing("kvasir", "log", typeOf("iii", ""))
	_, err := loadModule(t, openRuntime(t), b.bytes())
	if !errors.Is(err, hostapi.ErrLoad) || !strings.Contains(err.Error(), `"kvasir"."log"`) || !strings.Contains(err.Error(), "kvasir_abi_version") {
		t.Errorf("a program with a host function: %v", err)
	}
}

func TestStdio_ProgramThatReadsNothing(t *testing.T) {
	b := &builder{memory: "memory", exports: []function{{name: "_start", typ: typeOf("", "")}}}
	_, err := loadModule(t, openRuntime(t), b.bytes())
	if !errors.Is(err, hostapi.ErrLoad) || !strings.Contains(err.Error(), "main function returned") {
		t.Errorf("got %v", err)
	}
}
