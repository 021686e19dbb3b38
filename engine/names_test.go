package engine

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// strict is a strategy by which only equal normal forms serve.
func strict() *Strategy {
	s := lowering()
	s.Name, s.SearchFloor, s.Floor, s.Guard, s.Threshold = "strict", 1, 1, nil, 1
	return s
}

func named(q *Query, strategy string) *Query {
	q.Strategy = strategy
	return q
}

func TestStrategy_AQueryMayNameItsOwn(t *testing.T) {
	e := openEngine(t, with(lowering(), strict()))
	remember(t, e, ask(question), "Niamey")
	polite := question + " please"
	for _, c := range []struct {
		prompt, strategy, counts string
		want                     base.Kind
	}{
		{polite, "", "default", base.KindApprox},
		{polite, "default", "default", base.KindApprox},
		{polite, "strict", "strict", base.KindNone},
		{strings.ToUpper(question), "strict", "strict", base.KindNormalized},
		{strings.ToUpper(question), "exact", "exact", base.KindNone},
		{question, "exact", "exact", base.KindExact},
	} {
		f := look(t, e, named(ask(c.prompt), c.strategy))
		if f.Kind != c.want || f.Strategy != c.counts {
			t.Errorf("%q by %q: %+v", c.prompt, c.strategy, f)
		}
		w, err := e.Why(t.Context(), named(ask(c.prompt), c.strategy))
		if err != nil || w.Strategy != c.counts || strings.HasPrefix(w.Verdict, "answer") != (c.want != base.KindNone) {
			t.Errorf("%q by %q: why says %+v, %v", c.prompt, c.strategy, w, err)
		}
	}
}

func TestStrategy_AnUnknownNameIsTheCallersMistake(t *testing.T) {
	loads := 0
	o := with(lowering(), strict())
	load := o.Strategies
	o.Strategies = func(ctx context.Context) ([]*Strategy, error) { loads++; return load(ctx) }
	check := func(e *Engine) {
		_, err := e.Lookup(t.Context(), named(ask(question), "strickt"))
		if !errors.Is(err, base.ErrInvalid) || !strings.Contains(err.Error(), `no strategy "strickt"`) || base.Hint(err) != "the strategies are default, strict, exact" {
			t.Errorf("got %v, hint %q", err, base.Hint(err))
		}
		if _, err := e.Why(t.Context(), named(ask(question), "strickt")); !errors.Is(err, base.ErrInvalid) {
			t.Errorf("why: %v", err)
		}
	}
	check(openEngine(t, o))
	loads, o.StrategyNames = 0, []string{"default", "strict"}
	check(openEngine(t, o))
	if loads != 0 {
		t.Error("the strategies were loaded to refuse a name")
	}
}

// TestStrategy_EventsNameTheOneThatCounts lets a hook choose, and looks at what the others are told.
func TestStrategy_EventsNameTheOneThatCounts(t *testing.T) {
	told := map[hostapi.Role]string{}
	note := func(decide hostapi.Decision) func(*hostapi.Event) hostapi.Decision {
		return func(e *hostapi.Event) hostapi.Decision {
			told[e.Hook] = e.Strategy
			return decide
		}
	}
	choice := hostapi.Decision{}
	o := with(lowering(), strict())
	o.Hooks = fakeHooks{
		hostapi.RoleOnLookup: func(e *hostapi.Event) hostapi.Decision { return note(choice)(e) },
		hostapi.RoleOnHit:    note(hostapi.Decision{}), hostapi.RoleOnMiss: note(hostapi.Decision{}), hostapi.RoleOnStore: note(hostapi.Decision{}),
	}
	e := openEngine(t, o)
	serve := func(prompt, strategy string) *Answer {
		clear(told)
		infer := func(context.Context, func(Chunk) error) (*Result, error) { return answered("x"), nil }
		a, err := e.Serve(t.Context(), named(ask(prompt), strategy), infer, func(Chunk) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	check := func(a *Answer, asked, counts string, hooks ...hostapi.Role) {
		t.Helper()
		if a.Strategy != counts || told[hostapi.RoleOnLookup] != asked {
			t.Errorf("the answer is of %q and on_lookup was told %q; want %q and %q", a.Strategy, told[hostapi.RoleOnLookup], counts, asked)
		}
		for _, hook := range hooks {
			if told[hook] != counts {
				t.Errorf("%s was told %q, want %q", hook, told[hook], counts)
			}
		}
	}
	check(serve(question, ""), "default", "default", hostapi.RoleOnMiss, hostapi.RoleOnStore)
	check(serve("another one", "strict"), "strict", "strict", hostapi.RoleOnMiss, hostapi.RoleOnStore)
	choice.Strategy = new("strict")
	check(serve(strings.ToUpper(question), ""), "default", "strict", hostapi.RoleOnHit)
	check(serve("a third one", "default"), "default", "strict", hostapi.RoleOnMiss, hostapi.RoleOnStore)
}
