package hostapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// The examples say what the Go types say: decoding and encoding again changes nothing but white space.
func TestExamples_AreWhatTheTypesWrite(t *testing.T) {
	for prefix, newValue := range map[string]func() any{
		"event_":       func() any { return new(hostapi.Event) },
		"decision_":    func() any { return new(hostapi.Decision) },
		"manifest_":    func() any { return new(hostapi.Manifest) },
		"init":         func() any { return new(hostapi.Init) },
		"explanation_": func() any { return new(hostapi.Explanation) },
	} {
		for _, name := range examplesOf(t, prefix) {
			value := newValue()
			decoder := json.NewDecoder(bytes.NewReader(example(t, name)))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(value); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got, want := show(value), compact(t, example(t, name)); got != want {
				t.Errorf("%s:\n got %s\nwant %s", name, got, want)
			}
		}
	}
}

func compact(t *testing.T, text []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestExamples_ThereIsOneForEveryHook(t *testing.T) {
	for _, hook := range hostapi.Hooks() {
		var e hostapi.Event
		if err := json.Unmarshal(example(t, "event_"+string(hook)+".json"), &e); err != nil || e.Hook != hook {
			t.Errorf("event of %s: hook is %q, %v", hook, e.Hook, err)
		}
		if d, err := hostapi.DecodeDecision(hook, example(t, "decision_"+string(hook)+".json")); err != nil || d == nil {
			t.Errorf("decision of %s: got %v, %v", hook, d, err)
		}
	}
}

func TestInit_NamesTheHostFunctionsThereAre(t *testing.T) {
	var in hostapi.Init
	if err := json.Unmarshal(example(t, "init.json"), &in); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(in.Features, hostapi.HostFeatures()) {
		t.Errorf("the example has %q, the host has %q", in.Features, hostapi.HostFeatures())
	}
}

func TestDecodeDecision_NothingIsNoOpinion(t *testing.T) {
	if d, err := hostapi.DecodeDecision(hostapi.RoleOnHit, nil); d != nil || err != nil {
		t.Errorf("no data: got %v, %v, want nil, nil", d, err)
	}
	d, err := hostapi.DecodeDecision(hostapi.RoleOnHit, []byte("{}"))
	if err != nil || show(d) != "{}" {
		t.Errorf("{}: got %s, %v", show(d), err)
	}
}

func TestDecodeDecision_RefusesWhatAHookMayNotSay(t *testing.T) {
	long := strings.Repeat("x", hostapi.MaxLabel+1)
	for _, c := range []struct {
		hook       hostapi.Role
		said, want string
	}{
		{"on_hit", `{`, "unexpected EOF"},
		{"on_hit", `{} {}`, "something follows the JSON value"},
		{"on_hit", `[]`, "cannot unmarshal array"},
		{"on_hit", `{"accept":1}`, "cannot unmarshal number"},
		{"on_hit", `{"acept":false}`, `unknown field "acept"`},
		{"on_hit", "{\"reason\":\"\xff\"}", "not valid UTF-8"},
		{"on_hit", `{"reason":"` + strings.Repeat("x", hostapi.MaxJSON) + `"}`, "at most 65536 are allowed"},
		{"on_hit", `{"reason":"` + strings.Repeat("x", hostapi.MaxMessage+1) + `"}`, "no text of at most 4096 bytes"},
		{"on_hit", `{"bypass":true}`, "bypass is not for on_hit"},
		{"on_hit", `{"strategy":"exact"}`, "strategy is not for on_hit"},
		{"on_hit", `{"topic":"a"}`, "topic is not for on_hit"},
		{"on_lookup", `{"accept":true}`, "accept is not for on_lookup"},
		{"on_lookup", `{"resume":true}`, "resume is not for on_lookup"},
		{"on_lookup", `{"max_restored_tokens":1}`, "max_restored_tokens is not for on_lookup"},
		{"on_miss", `{"store":false}`, "store is not for on_miss"},
		{"on_miss", `{"ttl_ms":1}`, "ttl_ms is not for on_miss"},
		{"on_miss", `{"tags":[]}`, "tags is not for on_miss"},
		{"on_evict", `{"save_state":true}`, "save_state is not for on_evict"},
		{"on_store", `{"keep":true}`, "keep is not for on_store"},
		{"on_miss", `{"max_restored_tokens":-1}`, "max_restored_tokens is negative"},
		{"on_store", `{"ttl_ms":-1}`, "ttl_ms is -1, want 0 to 3153600000000"},
		{"on_store", `{"ttl_ms":3153600000001}`, "want 0 to 3153600000000"},
		{"on_store", `{"tags":[""]}`, `tag "" is not a text of 1 to 64 bytes`},
		{"on_store", `{"tags":["` + long + `"]}`, "is not a text of 1 to 64 bytes"},
		{"on_store", `{"tags":[` + strings.Repeat(`"a",`, hostapi.MaxTags) + `"a"]}`, "17 tags, at most 16 are allowed"},
		{"on_store", `{"topic":"` + long + `"}`, "is not a text of at most 64 bytes"},
		{"on_lookup", `{"strategy":""}`, `strategy "" is not a text of 1 to 64 bytes`},
	} {
		d, err := hostapi.DecodeDecision(c.hook, []byte(c.said))
		if !errors.Is(err, hostapi.ErrOutput) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %.80s: got %s, %v, want an error with %q", c.hook, c.said, show(d), err, c.want)
		}
	}
}

func TestDecodeManifest_FillsInTheRolesThatAreExported(t *testing.T) {
	exported := []hostapi.Role{hostapi.RoleNormalize, hostapi.RoleOnHit}
	for _, text := range []string{"", `{"name":"a","version":"1"}`, `{"roles":[]}`} {
		m, err := hostapi.DecodeManifest([]byte(text), exported)
		if err != nil || !reflect.DeepEqual(m.Roles, exported) {
			t.Errorf("%q: got %s, %v; want roles %q", text, show(m), err, exported)
		}
	}
	m, err := hostapi.DecodeManifest([]byte(`{"roles":["on_hit"]}`), exported)
	if err != nil || m.Has(hostapi.RoleNormalize) || !m.Has(hostapi.RoleOnHit) {
		t.Errorf("on_hit alone: got %s, %v", show(m), err)
	}
}

func TestDecodeManifest_RefusesWhatCannotBeMeant(t *testing.T) {
	exported := []hostapi.Role{hostapi.RoleScore}
	index := func(fields string) string {
		return `{"scorer":{"class":"rerank","index":{` + fields + `}}}`
	}
	for _, c := range []struct{ text, want string }{
		{`{"roles":["normalize"]}`, `roles[0] is "normalize", and the plugin has no function for it`},
		{`{"roles":["explain"]}`, `roles[0] is "explain", and the plugin has no function for it`},
		{`{"name":"` + strings.Repeat("x", 65) + `"}`, "name and version are texts of at most 64 bytes"},
		{`{"version":"` + strings.Repeat("x", 65) + `"}`, "name and version are texts of at most 64 bytes"},
		{`{"limits":{"memory":1}}`, `unknown field "memory"`},
		{`{"limits":{"steps":-1}}`, "cannot unmarshal number -1"},
		{`{"scorer":{}}`, `scorer.class is "", want features, rerank or scan`},
		{`{"scorer":{"class":"features"}}`, `scorer.measure is "", want jaccard or containment`},
		{`{"scorer":{"class":"features","measure":"jaccard"}}`, "scorer.class is features, and the plugin has not the role features"},
		{`{"scorer":{"class":"scan","max_entries":-1}}`, "scorer.max_entries is negative"},
		{index(``), `scorer.index.unit is "", want char or word`},
		{index(`"unit":"char","min":0,"max":3`), "scorer.index has n from 0 to 3, want 1 to 8"},
		{index(`"unit":"char","min":3,"max":2`), "scorer.index has n from 3 to 2, want 1 to 8"},
		{index(`"unit":"char","min":1,"max":9`), "scorer.index has n from 1 to 9, want 1 to 8"},
		{index(`"unit":"word","min":1,"max":2,"floor":1.5`), "scorer.index.floor is 1.5, want 0 to 1"},
		{index(`"unit":"word","min":1,"max":2,"limit":513`), "scorer.index.limit is 513, want 0 to 512"},
	} {
		m, err := hostapi.DecodeManifest([]byte(c.text), exported)
		if !errors.Is(err, hostapi.ErrOutput) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %s, %v, want an error with %q", c.text, show(m), err, c.want)
		}
	}
}

func TestDecodeManifest_FillsInTheScorer(t *testing.T) {
	index := `{"unit":"char","min":2,"max":3,"floor":0.7}`
	for _, c := range []struct {
		exported   []hostapi.Role
		text, want string
	}{
		{[]hostapi.Role{"normalize"}, ``, `null`},
		{[]hostapi.Role{"features", "score"}, ``, `{"class":"rerank","index":` + index + `}`},
		{[]hostapi.Role{"features", "normalize"}, ``, `{"class":"features","measure":"jaccard"}`},
		{[]hostapi.Role{"features", "score"}, `{"roles":["features"]}`, `{"class":"features","measure":"jaccard"}`},
		{[]hostapi.Role{"score"}, `{"scorer":{"class":"rerank","sound":true}}`, `{"class":"rerank","index":` + index + `,"sound":true}`},
		{[]hostapi.Role{"score"}, `{"scorer":{"class":"scan"}}`, `{"class":"scan"}`},
	} {
		m, err := hostapi.DecodeManifest([]byte(c.text), c.exported)
		if err != nil || show(m.Scorer) != c.want {
			t.Errorf("%q with %q: got %s, %v, want %s", c.text, c.exported, show(m.Scorer), err, c.want)
		}
	}
}

func TestDecodeManifest_AScorerNeedsItsFunction(t *testing.T) {
	for _, c := range []struct {
		class    string
		exported hostapi.Role
		fits     bool
	}{
		{`"class":"features","measure":"containment"`, hostapi.RoleFeatures, true},
		{`"class":"rerank"`, hostapi.RoleScore, true},
		{`"class":"scan"`, hostapi.RoleScore, true},
		{`"class":"rerank"`, hostapi.RoleFeatures, false},
		{`"class":"scan"`, hostapi.RoleNormalize, false},
	} {
		_, err := hostapi.DecodeManifest([]byte(`{"scorer":{`+c.class+`}}`), []hostapi.Role{c.exported})
		if (err == nil) != c.fits {
			t.Errorf("%s with %s: got error %v, want fits %v", c.class, c.exported, err, c.fits)
		}
	}
}

func TestDecodeExplanation(t *testing.T) {
	for _, name := range examplesOf(t, "explanation_") {
		if _, err := hostapi.DecodeExplanation(example(t, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for text, want := range map[string]string{
		``:                                     "EOF",
		`{"reason":"a"}`:                       `verdict is "", want same or different`,
		`{"verdict":"Same"}`:                   `verdict is "Same", want same or different`,
		`{"verdict":"same","why":"a"}`:         `unknown field "why"`,
		`{"verdict":"same"}x`:                  "something follows the JSON value",
		`{"verdict":"same","reason":["text"]}`: "cannot unmarshal array",
	} {
		e, err := hostapi.DecodeExplanation([]byte(text))
		if !errors.Is(err, hostapi.ErrOutput) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %s, %v, want an error with %q", text, show(e), err, want)
		}
	}
}

func TestCut_KeepsWholeCharacters(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"short", "é"},
		{"just fits", strings.Repeat("x", hostapi.MaxEventText)},
		{"one too long", strings.Repeat("x", hostapi.MaxEventText+1)},
		{"two-byte characters across the end", "x" + strings.Repeat("é", hostapi.MaxEventText/2)},
		{"four-byte characters across the end", "xyz" + strings.Repeat("😀", hostapi.MaxEventText/4)},
	} {
		got := hostapi.Cut(c.text)
		switch {
		case !strings.HasPrefix(c.text, got) || !utf8.ValidString(got):
			t.Errorf("%s: got %d bytes that are no beginning in whole characters", c.name, len(got))
		case len(got) > hostapi.MaxEventText:
			t.Errorf("%s: got %d bytes, want at most %d", c.name, len(got), hostapi.MaxEventText)
		case len(c.text) <= hostapi.MaxEventText && got != c.text:
			t.Errorf("%s: got %d bytes of %d", c.name, len(got), len(c.text))
		case len(got) < min(len(c.text), hostapi.MaxEventText-3):
			t.Errorf("%s: got %d bytes, fewer than fit", c.name, len(got))
		}
	}
}
