package hostapi_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/kvasir-cache/kvasir/hostapi"
	"pgregory.net/rapid"
)

// opinions draws decisions of one hook from few values, so that they often meet.
func opinions(hook hostapi.Role) *rapid.Generator[*hostapi.Decision] {
	yesNo := rapid.Ptr(rapid.Bool(), true)
	label := rapid.Ptr(rapid.SampledFrom([]string{"exact", "default", "looser"}), true)
	return rapid.Custom(func(t *rapid.T) *hostapi.Decision {
		d := &hostapi.Decision{Reason: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "reason")}
		switch hook {
		case hostapi.RoleOnLookup:
			d.Bypass, d.Strategy = yesNo.Draw(t, "bypass"), label.Draw(t, "strategy")
			d.Topic = label.Draw(t, "topic")
		case hostapi.RoleOnHit:
			d.Accept = yesNo.Draw(t, "accept")
		case hostapi.RoleOnMiss:
			d.Resume = yesNo.Draw(t, "resume")
			d.MaxRestoredTokens = rapid.Ptr(rapid.IntRange(0, 3), true).Draw(t, "max restored tokens")
		case hostapi.RoleOnStore:
			d.Store, d.SaveState = yesNo.Draw(t, "store"), yesNo.Draw(t, "save state")
			d.TTLMS = rapid.Ptr(rapid.Int64Range(0, 3), true).Draw(t, "ttl")
			d.Tags = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"t", "u", "v"}), 0, 3, rapid.ID).Draw(t, "tags")
			d.Topic = label.Draw(t, "topic")
		case hostapi.RoleOnEvict:
			d.Keep = yesNo.Draw(t, "keep")
		}
		return d
	})
}

func forEachHook(t *testing.T, check func(t *rapid.T, hook hostapi.Role, opinion *rapid.Generator[*hostapi.Decision])) {
	for _, hook := range hostapi.Hooks() {
		t.Run(string(hook), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { check(t, hook, opinions(hook)) })
		})
	}
}

func TestMerge_HoldsBackTheSameInAnyOrder(t *testing.T) {
	forEachHook(t, func(t *rapid.T, _ hostapi.Role, opinion *rapid.Generator[*hostapi.Decision]) {
		all := rapid.SliceOfN(opinion, 0, 4).Draw(t, "opinions")
		other := rapid.Permutation(all).Draw(t, "other order")
		a, b := hostapi.Merge(all...), hostapi.Merge(other...)
		for _, d := range []*hostapi.Decision{&a, &b} { // what the first one decides, and an order
			d.Topic, d.Reason = nil, ""
			slices.Sort(d.Tags)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("in order %s\nin another %s", show(a), show(b))
		}
	})
}

func TestMerge_CanBeDoneInSteps(t *testing.T) {
	forEachHook(t, func(t *rapid.T, _ hostapi.Role, opinion *rapid.Generator[*hostapi.Decision]) {
		a, b, c := opinion.Draw(t, "a"), opinion.Draw(t, "b"), opinion.Draw(t, "c")
		left, right := hostapi.Merge(a, b), hostapi.Merge(b, c)
		once := hostapi.Merge(a, b, c)
		for _, steps := range []hostapi.Decision{hostapi.Merge(&left, c), hostapi.Merge(a, &right)} {
			if show(steps) != show(once) {
				t.Fatalf("in steps %s\nat once %s", show(steps), show(once))
			}
		}
	})
}

func TestMerge_TheMostCautiousWins(t *testing.T) {
	forEachHook(t, func(t *rapid.T, _ hostapi.Role, opinion *rapid.Generator[*hostapi.Decision]) {
		all := rapid.SliceOfN(opinion, 0, 4).Draw(t, "opinions")
		merged := hostapi.Merge(all...)
		for _, f := range []struct {
			name     string
			cautious bool
			of       func(*hostapi.Decision) *bool
		}{
			{"bypass", true, func(d *hostapi.Decision) *bool { return d.Bypass }},
			{"accept", false, func(d *hostapi.Decision) *bool { return d.Accept }},
			{"resume", false, func(d *hostapi.Decision) *bool { return d.Resume }},
			{"store", false, func(d *hostapi.Decision) *bool { return d.Store }},
			{"save_state", false, func(d *hostapi.Decision) *bool { return d.SaveState }},
			{"keep", true, func(d *hostapi.Decision) *bool { return d.Keep }},
		} {
			var want *bool
			for _, d := range all {
				if said := f.of(d); said != nil && (want == nil || *said == f.cautious) {
					want = said
				}
			}
			if got := f.of(&merged); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s of %s: got %s, want %s", f.name, show(all), show(got), show(want))
			}
		}
		checkBounds(t, all, merged)
	})
}

func checkBounds(t *rapid.T, all []*hostapi.Decision, merged hostapi.Decision) {
	strategies := map[string]bool{}
	for _, d := range all {
		if d.TTLMS != nil && (merged.TTLMS == nil || *merged.TTLMS > *d.TTLMS) {
			t.Fatalf("ttl_ms of %s: got %s", show(all), show(merged.TTLMS))
		}
		if d.MaxRestoredTokens != nil && (merged.MaxRestoredTokens == nil || *merged.MaxRestoredTokens > *d.MaxRestoredTokens) {
			t.Fatalf("max_restored_tokens of %s: got %s", show(all), show(merged.MaxRestoredTokens))
		}
		if d.Strategy != nil {
			strategies[*d.Strategy] = true
		}
	}
	if len(strategies) > 1 && (merged.Strategy == nil || *merged.Strategy != hostapi.StrategyExact) {
		t.Fatalf("strategies of %s: got %s, want exact", show(all), show(merged.Strategy))
	}
}

func TestMerge_OfOneIsItself(t *testing.T) {
	forEachHook(t, func(t *rapid.T, _ hostapi.Role, opinion *rapid.Generator[*hostapi.Decision]) {
		d := opinion.Draw(t, "opinion")
		if got := hostapi.Merge(nil, d, nil); show(got) != show(d) {
			t.Fatalf("got %s, want %s", show(got), show(d))
		}
	})
}

func TestMerge_MayBeSaidAndLeavesItsInputsAlone(t *testing.T) {
	forEachHook(t, func(t *rapid.T, hook hostapi.Role, opinion *rapid.Generator[*hostapi.Decision]) {
		all := rapid.SliceOfN(opinion, 0, 4).Draw(t, "opinions")
		before := show(all)
		merged := hostapi.Merge(all...)
		if err := merged.Check(hook); err != nil {
			t.Fatalf("%s may not be said: %v", show(merged), err)
		}
		if after := show(all); after != before {
			t.Fatalf("merging changed %s to %s", before, after)
		}
	})
}

func TestMerge_TheReasonIsOfWhoHeldBack(t *testing.T) {
	no, yes := false, true
	for _, c := range []struct {
		name string
		said []*hostapi.Decision
		want string
	}{
		{"nobody", nil, ""},
		{"none holds back", []*hostapi.Decision{{Accept: &yes}, {Accept: &yes, Reason: "a"}, {Accept: &yes, Reason: "b"}}, "a"},
		{"the second holds back", []*hostapi.Decision{{Accept: &yes, Reason: "fine"}, {Accept: &no, Reason: "stale"}}, "stale"},
		{"both hold back", []*hostapi.Decision{{Accept: &no, Reason: "stale"}, {Accept: &no, Reason: "wrong"}}, "stale"},
		{"the first gives no reason", []*hostapi.Decision{{Accept: &no}, {Accept: &no, Reason: "wrong"}}, "wrong"},
		{"no other's reason is taken", []*hostapi.Decision{{Accept: &yes, Reason: "fine"}, {Accept: &no}, {Accept: &yes, Reason: "good"}}, ""},
	} {
		if got := hostapi.Merge(c.said...).Reason; got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestMerge_KeepsNoMoreTagsThanAllowed(t *testing.T) {
	var all []*hostapi.Decision
	for i := range hostapi.MaxTags + 3 {
		all = append(all, &hostapi.Decision{Tags: []string{string(rune('a' + i))}})
	}
	merged := hostapi.Merge(all...)
	if len(merged.Tags) != hostapi.MaxTags || merged.Tags[0] != "a" {
		t.Errorf("got %q, want the first %d", merged.Tags, hostapi.MaxTags)
	}
}

// show writes pointers as what they point to.
func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}
