package script

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"go.starlark.net/starlark"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Every field that the JSON of an event has is an attribute of the same name, and no other is.
func TestEvent_HasTheFieldsOfItsJSON(t *testing.T) {
	for _, c := range []struct {
		of    any
		names []string
	}{
		{hostapi.Event{}, (&view[hostapi.Event]{fields: eventFields}).AttrNames()},
		{hostapi.Request{}, (&view[hostapi.Request]{fields: requestFields}).AttrNames()},
		{hostapi.Entry{}, (&view[hostapi.Entry]{fields: entryFields}).AttrNames()},
		{hostapi.Miss{}, (&view[hostapi.Miss]{fields: missFields}).AttrNames()},
		{hostapi.Result{}, (&view[hostapi.Result]{fields: resultFields}).AttrNames()},
	} {
		want := map[string]bool{}
		for i := range reflect.TypeOf(c.of).NumField() {
			name, _, _ := strings.Cut(reflect.TypeOf(c.of).Field(i).Tag.Get("json"), ",")
			want[name] = true
			if methods[name] != nil {
				t.Errorf("%T: %s is the name of a method, so x.%s is refused", c.of, name, name)
			}
		}
		for _, name := range c.names {
			if !want[name] {
				t.Errorf("%T: %s is no field of the JSON", c.of, name)
			}
			delete(want, name)
		}
		for name := range want {
			t.Errorf("%T: a script cannot read %s", c.of, name)
		}
	}
}

// readAll is a hook that gives back an event as text, which is JSON but for absent parts.
const readAll = `
def fields(x):
    if type(x) not in ("request", "entry", "miss", "result"):
        return repr(list(x)) if type(x) == "list" else repr(x)
    return "{" + ",".join([repr(k) + ":" + plain(getattr(x, k)) for k in dir(x)]) + "}"
def plain(x):
    return repr(list(x)) if type(x) == "list" else repr(x)
def read(ev):
    parts = [repr(k) + ":" + fields(getattr(ev, k)) for k in dir(ev)]
    return "{" + ",".join(parts).replace("None", "null") + "}"
`

func TestEvent_HasTheValuesOfItsJSON(t *testing.T) {
	for _, hook := range hostapi.Hooks() {
		p := mustLoad(t, readAll+fmt.Sprintf("def %s(ev): fail(read(ev))\n", hook))
		event := sampleEvent(hook)
		_, err := p.Hook(context.Background(), event)
		text := err.Error()
		var got, want hostapi.Event
		if err := json.Unmarshal([]byte(text[strings.Index(text, `{"cause"`):]), &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if err := json.Unmarshal([]byte(asJSON(event)), &want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", hook, asJSON(got), asJSON(want))
		}
	}
}

func TestEvent_AbsentPartsAreNone(t *testing.T) {
	p := mustLoad(t, `
def on_lookup(ev):
    if ev.entry == None and ev.miss == None and ev.result == None and ev.cause == "":
        return bypass("all None")
def on_hit(ev):
    return reject("for ever") if ev.entry.ttl_ms == None else None
`)
	event := sampleEvent(hostapi.RoleOnHit)
	event.Entry.TTLMS = 0
	for _, e := range []*hostapi.Event{sampleEvent(hostapi.RoleOnLookup), event} {
		if d, err := p.Hook(context.Background(), e); d == nil || err != nil {
			t.Errorf("%s: got %v, %v, want a decision", e.Hook, d, err)
		}
	}
}

func TestEvent_CannotBeChanged(t *testing.T) {
	for _, body := range []string{`ev.topic = "x"`, `ev.entry.tags.append("x")`, `ev.request.prompt += "x"`} {
		p := mustLoad(t, "def on_hit(ev):\n    "+body+"\n")
		event := sampleEvent(hostapi.RoleOnHit)
		before := asJSON(event)
		if _, err := p.Hook(context.Background(), event); err == nil || asJSON(event) != before {
			t.Errorf("%s: got %v, and the event is %s", body, err, asJSON(event))
		}
	}
}

// A decision as a dict is judged as the same decision in JSON.
func FuzzDecision(f *testing.F) {
	f.Add("on_hit", `{"accept": false, "reason": "x"}`)
	f.Add("on_store", `{"store": true, "ttl_ms": 5, "tags": ["a"], "topic": "t", "save_state": null}`)
	f.Add("on_store", `{"ttl_ms": -1}`)
	f.Add("on_store", `{"tags": ["a", ""], "ttl_ms": 1.5}`)
	f.Add("on_miss", `{"resume": true, "max_restored_tokens": 1e3}`)
	f.Add("on_lookup", `{"bypass": "yes", "strategy": ""}`)
	f.Add("on_evict", `{"keep": {"a": []}, "unknown": 1}`)
	f.Fuzz(func(t *testing.T, hook, text string) {
		role := hostapi.Role(hook)
		dict, err := decodeConfig(json.RawMessage(text))
		if err != nil || !role.IsHook() || len(text) > hostapi.MaxJSON || hasMixedCase(dict) {
			return
		}
		canonical, err := toJSON(dict)
		if err != nil {
			t.Fatal(err)
		}
		fromJSON, jsonErr := hostapi.DecodeDecision(role, []byte(asJSON(canonical)))
		fromDict, dictErr := toDecision(role, dict)
		if (jsonErr == nil) != (dictErr == nil) && !isFraction(jsonErr) {
			t.Fatalf("%s %s: as JSON %v, as a dict %v", hook, text, jsonErr, dictErr)
		}
		if jsonErr == nil && asJSON(fromJSON) != asJSON(fromDict) {
			t.Fatalf("%s %s: as JSON %s, as a dict %s", hook, text, asJSON(fromJSON), asJSON(fromDict))
		}
	})
}

// hasMixedCase reports keys that package json would take for others.
func hasMixedCase(dict *starlark.Dict) bool {
	for k := range dict.Entries() {
		if s, _ := starlark.AsString(k); s != strings.ToLower(s) || strings.ContainsAny(s, "ſK") {
			return true
		}
	}
	return false
}

// isFraction reports whether JSON refuses a number that is written with a fraction, such as 1e3, which a
// script may have computed.
func isFraction(err error) bool {
	return err != nil && strings.Contains(err.Error(), "cannot unmarshal number")
}
