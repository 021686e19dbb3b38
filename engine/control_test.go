package engine

import (
	"context"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// controlled is the query of a prompt with a control.
func controlled(prompt string, c Control) *Query {
	q := ask(prompt)
	q.Control = c
	return q
}

func TestControl_WithholdsStoredAnswers(t *testing.T) {
	c := newClock()
	o := with(lowering())
	o.Now = c.Now
	e := openEngine(t, o)
	remember(t, e, ask(question), "Niamey")
	c.advance(time.Minute)
	for name, test := range map[string]struct {
		prompt  string
		control Control
		want    base.Action
	}{
		"nothing said":                    {question, Control{}, base.ActionAnswer},
		"left out":                        {question, Control{Bypass: "why not"}, base.ActionBypass},
		"fresh":                           {question, Control{Fresh: true}, base.ActionMiss},
		"old enough":                      {question, Control{MaxAge: time.Minute}, base.ActionAnswer},
		"too old":                         {question, Control{MaxAge: time.Minute - 1}, base.ActionMiss},
		"too old, of another text":        {"what is the capital of niger?", Control{MaxAge: time.Second}, base.ActionMiss},
		"any score suits the same":        {question, Control{MinScore: 1}, base.ActionAnswer},
		"any score suits the normal form": {"what is the capital of niger?", Control{MinScore: 1}, base.ActionAnswer},
		"alike":                           {question + " Please", Control{MinScore: 0.6}, base.ActionAnswer},
		"not alike enough":                {question + " Please", Control{MinScore: 0.99}, base.ActionMiss},
		"not to be stored":                {question, Control{NoStore: true, TTL: time.Second}, base.ActionAnswer},
	} {
		if f := look(t, e, controlled(test.prompt, test.control)); f.Action != test.want || f.Reason == "" {
			t.Errorf("%s: %+v, want %s", name, f.Decision, test.want)
		}
	}
	if s := statsOf(e); s["cache.miss_asked"] != 3 || s["cache.miss"] != 4 || s["cache.bypass_asked"] != 1 || s["cache.bypass"] != 1 {
		t.Errorf("stats %v", s)
	}
}

func TestControl_BoundsWhatIsRemembered(t *testing.T) {
	c := newClock()
	e := openEngine(t, Options{Now: c.Now, TTL: time.Hour})
	remember(t, e, controlled("not stored", Control{NoStore: true}), "a")
	remember(t, e, controlled("left out", Control{Bypass: "so"}), "a")
	remember(t, e, controlled("short", Control{TTL: time.Minute}), "a")
	remember(t, e, controlled("long", Control{TTL: 5 * time.Hour}), "a")
	alive := func(want ...string) {
		t.Helper()
		var got []string
		for _, prompt := range []string{"not stored", "left out", "short", "long"} {
			if look(t, e, ask(prompt)).Action == base.ActionAnswer {
				got = append(got, prompt)
			}
		}
		if len(got) != len(want) || len(got) > 0 && got[0] != want[0] {
			t.Errorf("served %q, want %q", got, want)
		}
	}
	alive("short", "long")
	c.advance(2 * time.Minute)
	alive("long")
	c.advance(time.Hour)
	alive()
}

// A request that asks for a fresh answer replaces the stored one.
func TestControl_FreshAnswersAreRemembered(t *testing.T) {
	e := openEngine(t, Options{})
	remember(t, e, ask("a"), "old")
	var kinds []base.Action
	ctx := WithDecided(t.Context(), func(f *Found) { kinds = append(kinds, f.Action) })
	run := func(context.Context, func(Chunk) error) (*Result, error) { return answered("new"), nil }
	for _, q := range []*Query{controlled("a", Control{Fresh: true}), ask("a")} {
		a, err := e.Serve(ctx, q, run, func(Chunk) error { return nil })
		if err != nil || a.Result.Text != "new" {
			t.Errorf("%+v, %v", a, err)
		}
	}
	if len(kinds) != 2 || kinds[0] != base.ActionMiss || kinds[1] != base.ActionAnswer {
		t.Errorf("decided %q", kinds)
	}
}
