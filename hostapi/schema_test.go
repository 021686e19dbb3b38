package hostapi_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemas compiles what lies in schema/; ref is a file and, after #, a place in it.
func schemas(t *testing.T, ref string) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	schema, err := compiler.Compile("schema/" + ref)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func parse(t *testing.T, text []byte) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

func TestSchemas_AcceptTheExamples(t *testing.T) {
	for prefix, ref := range map[string]string{
		"event_": "event.json", "decision_": "decision.json", "manifest_": "manifest.json",
		"init": "init.json", "explanation_": "explanation.json",
	} {
		for _, name := range examplesOf(t, prefix) {
			if err := schemas(t, ref).Validate(parse(t, example(t, name))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if prefix != "decision_" {
				continue
			}
			if err := schemas(t, ref+"#/$defs/"+roleOf(name, prefix)).Validate(parse(t, example(t, name))); err != nil {
				t.Errorf("%s by the schema of its hook: %v", name, err)
			}
		}
	}
}

// What the schemas refuse, the decoders refuse, and the other way round, as far as a schema can say it.
func TestSchemas_RefuseWhatTheDecodersRefuse(t *testing.T) {
	decision := func(hook hostapi.Role) func([]byte) error {
		return func(b []byte) error { _, err := hostapi.DecodeDecision(hook, b); return err }
	}
	manifest := func(b []byte) error { _, err := hostapi.DecodeManifest(b, hostapi.Roles()); return err }
	explanation := func(b []byte) error { _, err := hostapi.DecodeExplanation(b); return err }
	for _, c := range []struct {
		ref    string
		decode func([]byte) error
		text   string
		good   bool
	}{
		{"decision.json#/$defs/on_hit", decision("on_hit"), `{}`, true},
		{"decision.json#/$defs/on_hit", decision("on_hit"), `{"accept":false}`, true},
		{"decision.json#/$defs/on_hit", decision("on_hit"), `{"keep":true}`, false},
		{"decision.json#/$defs/on_hit", decision("on_hit"), `{"other":true}`, false},
		{"decision.json#/$defs/on_lookup", decision("on_lookup"), `{"strategy":""}`, false},
		{"decision.json#/$defs/on_lookup", decision("on_lookup"), `{"topic":""}`, true},
		{"decision.json#/$defs/on_miss", decision("on_miss"), `{"max_restored_tokens":-1}`, false},
		{"decision.json#/$defs/on_store", decision("on_store"), `{"ttl_ms":3153600000000}`, true},
		{"decision.json#/$defs/on_store", decision("on_store"), `{"ttl_ms":3153600000001}`, false},
		{"decision.json#/$defs/on_store", decision("on_store"), `{"ttl_ms":1.5}`, false},
		{"decision.json#/$defs/on_store", decision("on_store"), `{"tags":[""]}`, false},
		{"decision.json#/$defs/on_evict", decision("on_evict"), `{"keep":"yes"}`, false},
		{"decision.json", decision("on_evict"), `{"accept":true,"keep":true}`, false},
		{"manifest.json", manifest, `{"name":"a","version":"1","roles":["other"]}`, false},
		{"manifest.json", manifest, `{"name":"a","version":"1","scorer":{"class":"features"}}`, false},
		{"manifest.json", manifest, `{"name":"a","version":"1","scorer":{"class":"other"}}`, false},
		{"manifest.json", manifest, `{"name":"a","version":"1","scorer":{"class":"scan"}}`, true},
		{"manifest.json", manifest, `{"name":"a","version":"1","scorer":{"class":"rerank","index":{"unit":"char","min":1,"max":9}}}`, false},
		{"manifest.json", manifest, `{"name":"a","version":"1","limits":{"steps":-1}}`, false},
		{"explanation.json", explanation, `{"verdict":"alike","reason":""}`, false},
		{"explanation.json", explanation, `{"verdict":"same","reason":""}`, true},
	} {
		bySchema := schemas(t, c.ref).Validate(parse(t, []byte(c.text)))
		byDecoder := c.decode([]byte(c.text))
		if (bySchema == nil) != c.good || (byDecoder == nil) != c.good {
			t.Errorf("%s: %s: want accepted %v; schema: %v; decoder: %v", c.ref, c.text, c.good, bySchema, byDecoder)
		}
	}
}

func TestSchema_AnEventHasTheFieldsOfItsHook(t *testing.T) {
	schema := schemas(t, "event.json")
	for _, hook := range hostapi.Hooks() {
		event := parse(t, example(t, "event_"+string(hook)+".json")).(map[string]any)
		for _, other := range hostapi.Hooks() {
			event["hook"] = string(other)
			if err := schema.Validate(event); (err == nil) != (hook == other) {
				t.Errorf("what %s has, as %s: got %v", hook, other, err)
			}
		}
	}
}

// A field that is added to a type and not to its schema, or the other way round, fails here.
func TestSchemas_NameTheFieldsOfTheTypes(t *testing.T) {
	for ref, value := range map[string]any{
		"event.json":                         hostapi.Event{},
		"event.json#/$defs/request":          hostapi.Request{},
		"event.json#/$defs/entry":            hostapi.Entry{},
		"event.json#/$defs/miss":             hostapi.Miss{},
		"event.json#/$defs/result":           hostapi.Result{},
		"manifest.json":                      hostapi.Manifest{},
		"manifest.json#/$defs/scorer":        hostapi.Scorer{},
		"manifest.json#/$defs/index":         hostapi.Index{},
		"manifest.json#/$defs/limits":        hostapi.Limits{},
		"init.json":                          hostapi.Init{},
		"explanation.json":                   hostapi.Explanation{},
		"explanation.json#/$defs/difference": hostapi.Difference{},
	} {
		always, sometimes := fields(reflect.TypeOf(value))
		schema := schemas(t, ref)
		if got, want := names(schema.Properties), sorted(append(always, sometimes...)); !slices.Equal(got, want) {
			t.Errorf("%s has %q, the type %q", ref, got, want)
		}
		if got := sorted(schema.Required); !slices.Equal(got, sorted(always)) {
			t.Errorf("%s requires %q, the type always writes %q", ref, got, sorted(always))
		}
	}
}

func TestSchemas_NameTheFieldsOfDecisions(t *testing.T) {
	_, want := fields(reflect.TypeFor[hostapi.Decision]())
	var got []string
	for _, hook := range hostapi.Hooks() {
		got = append(got, names(schemas(t, "decision.json#/$defs/"+string(hook)).Properties)...)
	}
	if got := slices.Compact(sorted(got)); !slices.Equal(got, sorted(want)) {
		t.Errorf("the hooks have %q, the type %q", got, sorted(want))
	}
}

func TestSchemas_AllAreChecked(t *testing.T) {
	files, err := filepath.Glob("schema/*.json")
	if err != nil || len(files) != 5 {
		t.Fatalf("got %q, %v, want 5 schemas", files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		schemas(t, filepath.Base(file))
		if err := metaschema(t).Validate(parse(t, content)); err != nil {
			t.Errorf("%s is no schema: %v", file, err)
		}
	}
}

func metaschema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("https://json-schema.org/draft/2020-12/schema")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// fields returns the JSON names of a type: those that are always written, and those that may be left out.
func fields(of reflect.Type) (always, sometimes []string) {
	for i := range of.NumField() {
		name, options, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		if options == "" {
			always = append(always, name)
		} else {
			sometimes = append(sometimes, name)
		}
	}
	return always, sometimes
}

func names(properties map[string]*jsonschema.Schema) []string {
	var list []string
	for name := range properties {
		list = append(list, name)
	}
	return sorted(list)
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}
