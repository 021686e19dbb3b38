package openai

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemas that people write, with texts that follow them and texts that do not.
var schemaTests = []struct {
	schema   string
	yes, not []string
}{
	{`{"type":"string"}`, []string{`""`, `"a\"b"`, `"\u00e4ö"`}, []string{`a`, `"`, `"a"b"`, "\"a\nb\"", `"\x"`}},
	{`{"type":"string","minLength":2,"maxLength":3}`, []string{`"ab"`, `"äöü"`}, []string{`"a"`, `"abcd"`}},
	{`{"type":"string","maxLength":0}`, []string{`""`}, []string{`"a"`}},
	{`{"type":"string","minLength":1}`, []string{`"a"`, `"aaaa"`}, []string{`""`}},
	{`{"type":"string","format":"date"}`, []string{`"2026-02-28"`}, []string{`"2026-13-01"`, `"2026-2-28"`}},
	{`{"type":"string","format":"date-time"}`, []string{`"2026-02-28T23:59:59Z"`, `"2026-02-28T00:00:00.5+01:00"`}, []string{`"2026-02-28"`, `"2026-02-28T24:00:00Z"`}},
	{`{"type":"string","format":"uuid"}`, []string{`"123e4567-e89b-12d3-a456-426614174000"`}, []string{`"123"`}},
	{`{"type":"string","format":"email"}`, []string{`"a@b"`}, nil},
	{`{"type":"integer"}`, []string{`0`, `-12`, `9007199254740993`}, []string{`01`, `1.0`, `-`, `+1`, ``}},
	{`{"type":"number"}`, []string{`0`, `-1.5e+10`, `3`}, []string{`.5`, `1.`, `1e`}},
	{`{"type":"integer","minimum":3,"maximum":120}`, []string{`3`, `9`, `10`, `99`, `100`, `119`, `120`}, []string{`2`, `0`, `121`, `130`, `03`, `-5`}},
	{`{"type":"integer","minimum":-12,"maximum":5}`, []string{`-12`, `-1`, `0`, `5`}, []string{`-13`, `6`, `-0`}},
	{`{"type":"integer","maximum":-7}`, []string{`-7`, `-10`, `-123456`}, []string{`-6`, `0`, `7`}},
	{`{"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":10}`, []string{`1`, `9`}, []string{`0`, `10`}},
	{`{"type":"integer","minimum":0}`, []string{`0`, `1234567890123456`}, []string{`-1`}},
	{`{"type":"integer","minimum":0.5,"maximum":2.5}`, []string{`1`, `2`}, []string{`0`, `3`}},
	{`{"type":"number","minimum":0,"maximum":1}`, []string{`0`, `0.25`, `1`, `1.0`}, []string{`1.1`, `2`, `-0.1`}},
	{`{"type":"number","minimum":2}`, []string{`2`, `2.5`, `17`}, []string{`1.9`, `-2`}},
	{`{"type":"boolean"}`, []string{`true`, `false`}, []string{`1`, `"true"`}},
	{`{"type":["integer","null"]}`, []string{`1`, `null`}, []string{`"1"`}},
	{`{"enum":["a",1,null,{"b": [1, 2]},"ä\"\\"]}`, []string{`"a"`, `1`, `null`, `{"b":[1,2]}`, `"ä\"\\"`}, []string{`"b"`, `{"b":[1]}`}},
	{`{"const":{"x":"<&>"}}`, []string{`{"x":"<&>"}`}, []string{`{}`}},
	{`{"anyOf":[{"type":"integer"},{"type":"string"}]}`, []string{`1`, `"a"`}, []string{`true`}},
	{`{"oneOf":[{"type":"integer"},{"type":"boolean"}]}`, []string{`1`, `true`}, []string{`"a"`}},
	{`{"allOf":[{"type":"integer"}],"description":"d","title":"t","default":1}`, []string{`1`}, []string{`"a"`}},
	{`{"type":"array","items":{"type":"integer"}}`, []string{`[]`, `[1]`, `[1, 2,3]`, `[ 1 ]`}, []string{`[1,]`, `["a"]`, `[`}},
	{`{"type":"array","items":{"type":"boolean"},"minItems":2,"maxItems":3}`, []string{`[true,false]`, `[true,true,true]`}, []string{`[]`, `[true]`, `[true,true,true,true]`}},
	{`{"type":"array","maxItems":1}`, []string{`[]`, `[{}]`}, []string{`[1,2]`}},
	{`{"type":"array","maxItems":0}`, []string{`[]`, `[ ]`}, []string{`[1]`}},
	{`{"type":"array","minItems":1}`, []string{`[1]`, `[1,"a",[]]`}, []string{`[]`}},
	{`{"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}]}`, []string{`[1,"a"]`}, []string{`[1]`, `["a",1]`}},
	{`{"type":"object"}`, []string{`{}`, `{"a":1}`, `{"a": {"b":[null, true]}, "c":-1.5e3}`}, []string{`[]`, `{"a"}`, `{"a":1,}`}},
	{`{"type":"object","additionalProperties":false}`, []string{`{}`}, []string{`{"a":1}`}},
	{`{"type":"object","additionalProperties":{"type":"integer"}}`, []string{`{}`, `{"x":1,"y":2}`}, []string{`{"x":"1"}`}},
	{`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a","b"],"additionalProperties":false}`,
		[]string{`{"a":1,"b":"x"}`, `{ "a": 1, "b": "x" }`}, []string{`{"a":1}`, `{"b":"x","a":1}`, `{"a":1,"b":"x","c":0}`}},
	{`{"properties":{"a":{"type":"integer"},"b":{"type":"integer"},"c":{"type":"integer"}},"required":["b"]}`,
		[]string{`{"b":1}`, `{"b":1,"a":2}`, `{"b":1,"c":2}`, `{"b":1,"a":2,"c":3}`}, []string{`{}`, `{"a":1}`, `{"b":1,"c":2,"a":3}`}},
	{`{"properties":{"a":{"type":"integer"},"b":{"type":"integer"},"c":{"type":"integer"}}}`,
		[]string{`{}`, `{"a":1}`, `{"b":1}`, `{"a":1,"c":2}`, `{"a":1,"b":1,"c":2}`}, []string{`{"c":1,"a":1}`, `{,"a":1}`}},
	{`{"properties":{"we\"ird ü":{"const":1}},"required":["we\"ird ü","new"]}`, []string{`{"we\"ird ü":1,"new":[]}`}, []string{`{"we\"ird ü":1}`}},
	{`{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["v","next"]}}}`,
		[]string{`{"v":1,"next":null}`, `{"v":1,"next":{"v":2,"next":null}}`}, []string{`{"v":1}`}},
	{`{"type":"object","properties":{"self":{"$ref":"#"},"t":{"$ref":"#/definitions/a~1b"}},"definitions":{"a/b":{"type":"boolean"}}}`,
		[]string{`{"self":{"self":{},"t":true}}`, `{"t":false}`}, []string{`{"t":1}`}},
	{`{}`, []string{`1`, `"a"`, `[{}]`, `null`}, []string{`x`}},
}

func TestSchemaGrammar_KeepsToTheSchema(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, test := range schemaTests {
		grammar, invalid := SchemaGrammar(json.RawMessage(test.schema), "schema")
		if invalid != nil {
			t.Errorf("%s: %v", test.schema, invalid)
			continue
		}
		g := parseGBNF(t, grammar)
		for _, text := range test.yes {
			if !g.accepts(text) {
				t.Errorf("%s refuses %s\n%s", test.schema, text, grammar)
			}
		}
		for _, text := range test.not {
			if g.accepts(text) {
				t.Errorf("%s takes %s\n%s", test.schema, text, grammar)
			}
		}
		schema := compileSchema(t, test.schema)
		for range 50 {
			text := g.some(random)
			v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
			if err == nil {
				err = schema.Validate(v)
			}
			if err != nil {
				t.Errorf("%s gives %s: %v", test.schema, text, err)
				break
			}
		}
	}
}

func compileSchema(t *testing.T, text string) *jsonschema.Schema {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", v); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// What no grammar here can hold an answer to is refused by the place of the keyword, never left out.
func TestSchemaGrammar_RefusesWhatItCannotKeep(t *testing.T) {
	for schema, param := range map[string]string{
		`{"type":"string","pattern":"a+"}`:                        "s.pattern",
		`{"properties":{"a":{"type":"number","multipleOf":0.5}}}`: "s.properties.a.multipleOf",
		`{"type":"number","exclusiveMinimum":0}`:                  "s.exclusiveMinimum",
		`{"type":"number","minimum":-1}`:                          "s",
		`{"type":"number","minimum":0.5}`:                         "s.minimum",
		`{"type":"array","uniqueItems":true}`:                     "s.uniqueItems",
		`{"type":"array","contains":{}}`:                          "s.contains",
		`{"type":"array","maxItems":100000}`:                      "s.maxItems",
		`{"type":"array","minItems":3,"maxItems":2}`:              "s.maxItems",
		`{"type":"array","minItems":-1}`:                          "s.minItems",
		`{"type":"array","prefixItems":[{}],"minItems":2}`:        "s.prefixItems",
		`{"type":"object","minProperties":1}`:                     "s.minProperties",
		`{"type":"object","patternProperties":{"a":{}}}`:          "s.patternProperties",
		`{"not":{"type":"string"}}`:                               "s.not",
		`{"if":{},"then":{}}`:                                     "s.if",
		`{"allOf":[{"type":"object"},{"type":"object"}]}`:         "s.allOf",
		`{"anyOf":[]}`: "s.anyOf",
		`{"anyOf":[{"type":"string"}],"properties":{}}`: "s.anyOf",
		`{"enum":[]}`:                                "s.enum",
		`{"type":"text"}`:                            "s.type",
		`{"type":7}`:                                 "s.type",
		`{"items":false,"type":"array"}`:             "s.items",
		`{"properties":{"a":7}}`:                     "s.properties.a",
		`{"properties":[]}`:                          "s.properties",
		`{"required":"a"}`:                           "s.required",
		`{"$ref":"https://example.org/schema"}`:      "s.$ref",
		`{"$ref":"#/$defs/missing"}`:                 "s.$ref",
		`{"$ref":"#"}`:                               "#.$ref",
		`{"anyOf":[{"$ref":"#"},{"type":"string"}]}`: "#.anyOf[0].$ref",
		`{"type":"integer","minimum":5,"maximum":4}`: "s",
		`{"type":"integer","minimum":"5"}`:           "s.minimum",
		fmt.Sprintf(`{"enum":["%s"]}`, strings.Repeat("x", 300<<10)): "s",
	} {
		_, err := SchemaGrammar(json.RawMessage(schema), "s")
		if err == nil || err.Param != param || err.Status != 400 {
			t.Errorf("%.80s: %+v, want a refusal of %s", schema, err, param)
		}
	}
}

func TestWholeBetween_TakesJustThoseNumbers(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		low := random.Int64N(3000) - 1500
		high := low + random.Int64N(1+random.Int64N(3000))
		g := parseGBNF(t, "root ::= "+wholeBetween(low, high))
		for n := low - 130; n <= high+130; n += 1 + random.Int64N(7) {
			if got := g.accepts(fmt.Sprint(n)); got != (n >= low && n <= high) {
				t.Fatalf("from %d to %d: %d is taken: %t\n%s", low, high, n, got, wholeBetween(low, high))
			}
		}
		for _, n := range []int64{low, high} {
			if !g.accepts(fmt.Sprint(n)) {
				t.Fatalf("from %d to %d: %d is not taken", low, high, n)
			}
		}
	}
}

func TestAnyObject_IsJSON(t *testing.T) {
	g := parseGBNF(t, anyObject())
	random := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		if text := g.some(random); !json.Valid([]byte(text)) || text[0] != '{' {
			t.Errorf("%s", text)
		}
	}
}
