package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

func TestWhy_SaysWhatALookupWouldDo(t *testing.T) {
	e := openEngine(t, with(lowering()))
	remember(t, e, ask(question), "Niamey")
	remember(t, e, ask("What is the capital of Mali?"), "Bamako")
	for prompt, want := range map[string]string{
		question:                          "answer (exact) from entry 1",
		strings.ToUpper(question):         "answer (normalized) from entry 1",
		question + " please":              "answer (approx) from entry 1",
		"What is the capital of Nigeria?": "miss: entry 1 would serve but for this: another word",
		"xyz":                             "miss: nothing like it is stored for this model and these parameters",
	} {
		w, err := e.Why(t.Context(), ask(prompt))
		if err != nil {
			t.Fatal(err)
		}
		if w.Verdict != want || w.Prompt != prompt || w.Form != strings.ToLower(prompt) {
			t.Errorf("%q: %+v, want verdict %q", prompt, w, want)
		}
		f := look(t, e, ask(prompt))
		if serves := strings.HasPrefix(want, "answer"); serves != (f.Action == base.ActionAnswer) {
			t.Errorf("%q: why says %q, and the lookup %+v", prompt, w.Verdict, f.Decision)
		}
	}
	w, err := e.Why(t.Context(), ask(question))
	if err != nil || w.Exact == nil || w.Exact.Answer != "Niamey" || len(w.Nearest) != 1 || w.Nearest[0].Answer != "Bamako" {
		t.Errorf("%+v, %v", w, err)
	}
	short := ask(question)
	short.Request.MaxTokens = 1
	if w, err = e.Why(t.Context(), short); err != nil || !strings.Contains(w.Verdict, "more than the 1 asked for") {
		t.Errorf("%+v, %v", w, err)
	}
}

func TestWhy_SaysFirstWhyTheExactEntryDoesNotServe(t *testing.T) {
	c := newClock()
	o := with(lowering())
	o.Now = c.Now
	e := openEngine(t, o)
	remember(t, e, ask(question), "Niamey")
	c.advance(time.Hour)
	remember(t, e, ask(strings.ToUpper(question)), "NIAMEY")
	q := ask(question)
	q.Control.MaxAge = time.Minute
	w, err := e.Why(t.Context(), q)
	want := "the entry of exactly this request does not serve: it is older than the request accepts; answer (normalized) from entry 2"
	if err != nil || w.Verdict != want {
		t.Errorf("%+v, %v, want the verdict %q", w, err, want)
	}
}

// TestWhy_AgreesAboutAge compares what it says of entries past their time, or too old for a request, with lookups.
func TestWhy_AgreesAboutAge(t *testing.T) {
	c := newClock()
	o := with(lowering())
	o.Now, o.TTL, o.Stale = c.Now, time.Hour, time.Hour
	e := openEngine(t, o)
	remember(t, e, ask(question), "Niamey")
	for range 3 {
		c.advance(45 * time.Minute)
		for _, control := range []Control{{}, {Stale: true}, {Stale: true, NoStore: true}, {Stale: true, MaxAge: 30 * time.Minute}} {
			q := ask(question)
			q.Control = control
			w, err := e.Why(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			f := look(t, e, q)
			if serves := f.Action == base.ActionAnswer; w.Exact.Serves != serves || strings.HasPrefix(w.Verdict, "answer") != serves ||
				f.Stale != strings.Contains(w.Exact.Reason, "inferred anew") {
				t.Errorf("%+v: why says %q, %q, and the lookup %+v", control, w.Verdict, w.Exact.Reason, f.Decision)
			}
		}
	}
}

func TestWhy_CountsNothing(t *testing.T) {
	e := openEngine(t, with(lowering()))
	remember(t, e, ask(question), "Niamey")
	for _, prompt := range []string{question, "else"} {
		if _, err := e.Why(t.Context(), ask(prompt)); err != nil {
			t.Fatal(err)
		}
	}
	entry, err := e.Get(t.Context(), "1")
	if s := statsOf(e); err != nil || entry.Uses != 0 || s["cache.lookups"] != 0 || s["cache.hit_exact"] != 0 || s["cache.miss"] != 0 {
		t.Errorf("entry %+v, stats %v, %v", entry, s, err)
	}
}
