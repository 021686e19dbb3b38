package engine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/snapshot"
)

// openLoose opens an engine by whose strategy a score of half is enough to serve.
func openLoose(t *testing.T, o Options) *Engine {
	t.Helper()
	s := lowering()
	s.Guard, s.Floor, s.SearchFloor, s.Threshold = nil, 0.3, 0.3, 0.3
	w := with(s)
	o.Strategies, o.Strategy = w.Strategies, w.Strategy
	return openEngine(t, o)
}

const (
	niger   = "What is the capital of Niger?"
	nigeria = "What is the capital of Nigeria?"
)

func markBad(t *testing.T, e *Engine, id string, prompt *string) *Mark {
	t.Helper()
	m, err := e.MarkBad(t.Context(), id, prompt)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMarkBad_APairNeverServesAgain(t *testing.T) {
	dir := t.TempDir()
	e := openLoose(t, Options{Dir: dir})
	remember(t, e, ask(niger), "Niamey")
	f := look(t, e, ask(nigeria))
	if f.Kind != base.KindApprox || f.Result.Text != "Niamey" {
		t.Fatalf("no false hit to begin with: %+v", f)
	}
	if m := markBad(t, e, f.Entry, new(nigeria)); m.Retired || m.Marks != 1 || m.Prompt != nigeria || m.Asked != niger {
		t.Errorf("%+v", m)
	}
	check := func(e *Engine, when string) {
		t.Helper()
		if f := look(t, e, ask(nigeria)); f.Action != base.ActionMiss || !strings.Contains(f.Reason, "was said to be wrong for this prompt") {
			t.Errorf("%s: %+v", when, f)
		}
		if f := look(t, e, ask(strings.ToUpper(nigeria))); f.Action != base.ActionMiss {
			t.Errorf("%s, the same normal form: %+v", when, f)
		}
		if f := look(t, e, ask(niger)); f.Kind != base.KindExact {
			t.Errorf("%s, its own prompt: %+v", when, f)
		}
		if f := look(t, e, ask(strings.ToUpper(niger))); f.Kind != base.KindNormalized {
			t.Errorf("%s, its own normal form: %+v", when, f)
		}
		w, err := e.Why(t.Context(), ask(nigeria))
		if err != nil || len(w.Nearest) == 0 || w.Nearest[0].Serves || !strings.Contains(w.Nearest[0].Reason, "said to be wrong") {
			t.Errorf("%s: why says %+v, %v", when, w, err)
		}
	}
	check(e, "at once")
	remember(t, e, ask(niger), "Niamey") // which makes it another entry
	check(e, "after it was replaced")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	again := openLoose(t, Options{Dir: dir})
	check(again, "after reopening")
	if stats := statsOf(again); stats["cache.miss_wrong"] < 1 || stats["cache.marked"] != 1 {
		t.Errorf("counts %v", stats)
	}
}

func TestMarkBad_TheBarRisesAndTheThirdMarkRetires(t *testing.T) {
	e := openLoose(t, Options{})
	remember(t, e, ask(niger), "Niamey")
	other := "What is the capital city of Nigger?" // alike, and asked by nobody yet
	id := look(t, e, ask(other)).Entry
	if id == "" {
		t.Fatal("no approximate hit to begin with")
	}
	markBad(t, e, id, new("a"))
	if f := look(t, e, ask("tell me what the capital is")); f.Action != base.ActionMiss {
		t.Errorf("a score of little serves with a raised bar: %+v", f)
	}
	if m := markBad(t, e, id, new("b")); m.Retired || m.Marks != 2 {
		t.Errorf("%+v", m)
	}
	if m := markBad(t, e, id, new("b")); m.Retired || m.Marks != 2 {
		t.Errorf("the same mark twice: %+v", m)
	}
	if m := markBad(t, e, id, new("c")); !m.Retired || m.Marks != 3 {
		t.Errorf("%+v", m)
	}
	if f := look(t, e, ask(niger)); f.Action != base.ActionMiss {
		t.Errorf("a retired entry serves: %+v", f)
	}
	if _, err := e.MarkBad(t.Context(), id, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("marked again: %v", err)
	}
}

func TestMarkBad_WithoutAPromptTheModelIsAskedAgain(t *testing.T) {
	c := newClock()
	e := openLoose(t, Options{Now: c.Now})
	remember(t, e, ask(niger), "Lagos")
	id := look(t, e, ask(niger)).Entry
	before, err := e.Export(t.Context(), "", ExportFilter{})
	if err != nil {
		t.Fatal(err)
	}
	if m := markBad(t, e, id, nil); !m.Retired {
		t.Errorf("%+v", m)
	}
	if f := look(t, e, ask(niger)); f.Action != base.ActionMiss {
		t.Errorf("%+v", f)
	}
	out, err := e.Import(t.Context(), before.Records, MergeReplace)
	if err != nil || out.Wrong != 1 || look(t, e, ask(niger)).Action != base.ActionMiss {
		t.Errorf("an import brought it back: %+v, %v", out, err)
	}
	c.advance(time.Second)
	remember(t, e, ask(niger), "Niamey")
	if f := look(t, e, ask(niger)); f.Action != base.ActionAnswer || f.Result.Text != "Niamey" {
		t.Errorf("the new answer does not serve: %+v", f)
	}
	list, err := e.ListBad(t.Context())
	if err != nil || len(list) != 1 || !list[0].Retired || list[0].Entry != id || !list[0].When.Equal(c.Now().Add(-time.Second)) {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := e.UndoBad(t.Context(), id, nil); err != nil {
		t.Fatal(err)
	}
	if f := look(t, e, ask(niger)); f.Result.Text != "Niamey" {
		t.Errorf("undoing brought the old answer in place of the new one: %+v", f)
	}
}

func TestUndoBad_BringsBackWhatWas(t *testing.T) {
	e := openLoose(t, Options{})
	remember(t, e, ask(niger), "Niamey")
	id := look(t, e, ask(niger)).Entry
	markBad(t, e, id, nil)
	gone, err := e.UndoBad(t.Context(), id, nil)
	if err != nil || len(gone) != 1 {
		t.Fatalf("%+v, %v", gone, err)
	}
	if f := look(t, e, ask(niger)); f.Action != base.ActionAnswer || f.Entry != id {
		t.Errorf("%+v", f)
	}
	if f := look(t, e, ask(nigeria)); f.Kind != base.KindApprox {
		t.Errorf("it is not found by what is alike: %+v", f)
	}
	markBad(t, e, id, new(nigeria))
	if _, err := e.UndoBad(t.Context(), id, new("another")); !errors.Is(err, ErrNotFound) {
		t.Errorf("nothing to undo: %v", err)
	}
	if _, err := e.UndoBad(t.Context(), id, new(nigeria)); err != nil {
		t.Fatal(err)
	}
	if f := look(t, e, ask(nigeria)); f.Kind != base.KindApprox {
		t.Errorf("%+v", f)
	}
	if list, err := e.ListBad(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if stats := statsOf(e); stats["cache.size"] != 1 {
		t.Errorf("size %v", stats["cache.size"])
	}
}

func TestUndoBad_KeepsThePinAndTheUses(t *testing.T) {
	dir := t.TempDir()
	e := openLoose(t, Options{Dir: dir})
	remember(t, e, ask(niger), "Niamey")
	look(t, e, ask(niger))
	if err := e.Pin(t.Context(), "1", true); err != nil {
		t.Fatal(err)
	}
	for range 3 { // it comes back as often as it went
		markBad(t, e, "1", nil)
		if _, err := e.UndoBad(t.Context(), "1", nil); err != nil {
			t.Fatal(err)
		}
	}
	check := func(e *Engine, when string) {
		t.Helper()
		if entry, err := e.Get(t.Context(), "1"); err != nil || !entry.Pinned || entry.Uses != 1 {
			t.Errorf("%s: %+v, %v", when, entry, err)
		}
		if r, err := e.Compact(t.Context(), true); err != nil || r.Entries != 1 || r.Pinned != 1 {
			t.Errorf("%s: %+v, %v", when, r, err)
		}
	}
	check(e, "at once")
	markBad(t, e, "1", nil)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	again := openLoose(t, Options{Dir: dir})
	if _, err := again.UndoBad(t.Context(), "1", nil); err != nil {
		t.Fatal(err)
	}
	check(again, "after reopening")
}

func TestUndoBad_PinsNoMoreThanMayBe(t *testing.T) {
	e := openLoose(t, Options{MaxEntries: 4})
	for _, prompt := range []string{"one", "two", "three"} {
		remember(t, e, ask(prompt), "1")
	}
	for _, id := range []string{"1", "2"} {
		if err := e.Pin(t.Context(), id, true); err != nil {
			t.Fatal(err)
		}
	}
	markBad(t, e, "1", nil)
	if err := e.Pin(t.Context(), "3", true); err != nil {
		t.Fatal(err)
	}
	if _, err := e.UndoBad(t.Context(), "1", nil); err != nil {
		t.Fatal(err)
	}
	if entry, err := e.Get(t.Context(), "1"); err != nil || entry.Pinned {
		t.Errorf("%+v, %v", entry, err)
	}
}

func TestMarkBad_CrossesNoTenantAndTravelsWithExports(t *testing.T) {
	e := openLoose(t, Options{})
	acme := func(prompt string) *Query { q := ask(prompt); q.Tenant = "acme"; return q }
	remember(t, e, acme(niger), "Niamey")
	remember(t, e, ask(niger), "Niamey")
	id := look(t, e, acme(niger)).Entry
	markBad(t, e, id, new(nigeria))
	if f := look(t, e, acme(nigeria)); f.Action != base.ActionMiss {
		t.Errorf("acme: %+v", f)
	}
	if f := look(t, e, ask(nigeria)); f.Kind != base.KindApprox {
		t.Errorf("another tenant: %+v", f)
	}
	page, err := e.Export(t.Context(), "", ExportFilter{})
	if err != nil {
		t.Fatal(err)
	}
	other := openLoose(t, Options{})
	if out, err := other.Import(t.Context(), page.Records, ""); err != nil || out.Added != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	if _, err := other.Reindex(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if f := look(t, other, acme(nigeria)); f.Action != base.ActionMiss {
		t.Errorf("imported, acme: %+v", f)
	}
	if f := look(t, other, ask(nigeria)); f.Kind != base.KindApprox {
		t.Errorf("imported, another tenant: %+v", f)
	}
}

// textOfMarks is all that the marks of a store hold.
func textOfMarks(t *testing.T, e *Engine) (text string, marks int) {
	t.Helper()
	for row, err := range e.store.Walk(keyspace.WrongPrefix()) {
		if err != nil {
			t.Fatal(err)
		}
		text += string(row.Value)
		marks++
	}
	return text, marks
}

func TestRemove_TakesTheTextOutOfMarks(t *testing.T) {
	remove := func(id string) func(e *Engine) error {
		return func(e *Engine) error { return e.Remove(t.Context(), id) }
	}
	forget := func(f Filter) func(e *Engine) error {
		return func(e *Engine) error { _, err := e.Forget(t.Context(), f, "", false); return err }
	}
	for name, test := range map[string]struct {
		retire bool
		rm     func(e *Engine) error
	}{
		"rm of an entry": {false, remove("1")}, "rm of a retired one": {true, remove("1")},
		"all": {false, forget(Filter{All: true})}, "all, retired": {true, forget(Filter{All: true})},
		"by prompt": {false, forget(Filter{Prompt: niger})}, "by prompt, retired": {true, forget(Filter{Prompt: niger})},
		"by the prompt it is wrong for": {false, forget(Filter{Prompt: nigeria})}, "by model, retired": {true, forget(Filter{Model: "00"})},
	} {
		e := openLoose(t, Options{})
		remember(t, e, ask(niger), "Niamey")
		if markBad(t, e, "1", new(nigeria)); test.retire {
			markBad(t, e, "1", nil)
		}
		if err := test.rm(e); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		text, marks := textOfMarks(t, e)
		kept := name == "by model, retired" // where the other mark says nothing of a model
		if marks == 0 || strings.Contains(text, "Niamey") || !kept && strings.Contains(text, "What is") {
			t.Errorf("%s: %d marks hold %q", name, marks, text)
		}
		remember(t, e, ask(niger), "Niamey")
		if f := look(t, e, ask(nigeria)); f.Action != base.ActionMiss {
			t.Errorf("%s: the pair serves again: %+v", name, f)
		}
		if page, err := e.Export(t.Context(), "", ExportFilter{}); err != nil || len(page.Records) != 1 || !kept && page.Records[0].Wrong != nil {
			t.Errorf("%s: exported %+v, %v", name, page, err)
		}
		if gone, err := e.UndoBad(t.Context(), "1", nil); err != nil || len(gone) != marks {
			t.Errorf("%s: undone %+v, %v", name, gone, err)
		}
	}
}

func TestSweep_DropsRetiredEntriesWhenTheyExpire(t *testing.T) {
	c := newClock()
	e := openLoose(t, Options{Now: c.Now, TTL: time.Hour})
	remember(t, e, ask(niger), "Lagos")
	markBad(t, e, "1", nil)
	for _, expired := range []bool{false, true} {
		if _, err := e.sweep(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if text, marks := textOfMarks(t, e); marks != 1 || strings.Contains(text, "Lagos") == expired {
			t.Errorf("expired %t: %d marks hold %q", expired, marks, text)
		}
		c.advance(2 * time.Hour)
	}
	if list, err := e.ListBad(t.Context()); err != nil || len(list) != 1 || !list[0].Retired || list[0].Prompt != niger {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := e.UndoBad(t.Context(), "1", nil); err != nil || statsOf(e)["cache.size"] != 0 {
		t.Errorf("undone: %v, size %v", err, statsOf(e)["cache.size"])
	}
}

func TestImport_RefusesMarksAndUsesThatCannotBe(t *testing.T) {
	when := time.Unix(1_700_000_000, 0)
	far := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	fine := ExportRecord{Model: strings.Repeat("00", 32), Request: snapshot.Request{Prompt: "fine"}, Answer: "x", FinishReason: base.FinishStop, Created: when}
	var records []ExportRecord
	for _, change := range []func(r *ExportRecord){
		func(r *ExportRecord) { r.Wrong = []snapshot.Wrong{{When: when}} },
		func(r *ExportRecord) { r.Wrong = []snapshot.Wrong{{Prompt: "y"}} },
		func(r *ExportRecord) { r.Wrong = []snapshot.Wrong{{Prompt: "\xff", When: when}} },
		func(r *ExportRecord) { r.LastUse = far },
		func(r *ExportRecord) { r.Uses = 1 << 63 },
		func(*ExportRecord) {},
	} {
		r := fine
		change(&r)
		records = append(records, r)
	}
	out, err := openEngine(t, Options{}).Import(t.Context(), records, "")
	if err != nil || out.Added != 1 || len(out.Refused) != len(records)-1 {
		t.Errorf("%+v, %v", out, err)
	}
}
