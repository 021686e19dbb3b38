package openai

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var chatSeeds = []string{
	`{"model":"m","messages":[{"role":"user","content":"a"}]}`,
	`{"messages":[{"role":"developer","content":[{"type":"text","text":"a"},{"type":"refusal","refusal":"b"}]},{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{"}}]},{"role":"tool","content":"x"}],
		"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"enum":[1]}}}}}],"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false}`,
	`{"messages":[{"role":"user","content":"a"}],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":["integer","null"],"minimum":-3,"maximum":1e3}}},"stream":true,"stream_options":{"include_usage":true}}`,
	`{"messages":[{"role":"user","content":"a"}],"n":2,"max_tokens":1e2,"stop":["a"],"temperature":0.5,"top_p":1,"top_k":-1,"min_p":0,"seed":-1,"logit_bias":{"1":-100},"kvasir":{"details":true,"ttl":"1h","threshold":0.5,"cache":"no-cache"}}`,
	`{"messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"required"}`,
	`{"messages":`, "\xff", `[[[`, `null`, `{"messages":[{"role":"user","content":"\ud800"}]}`,
}

// checkRefusal checks that an error can be sent and says what is wrong.
func checkRefusal(t *testing.T, err *Error) {
	t.Helper()
	body, encoding := Encode(err)
	if encoding != nil || !json.Valid(body) || err.Status < 400 || err.Status > 499 || err.Message == "" || err.Type == "" {
		t.Fatalf("refusal %+v: %s, %v", err, body, encoding)
	}
}

// Any body gives a request whose parts are within their bounds, or a refusal.
func FuzzDecodeChat(f *testing.F) {
	for _, seed := range chatSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := DecodeChat(body)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		checkParameters(t, &r.Parameters)
		if len(r.Messages) == 0 || len(r.Turns()) == 0 {
			t.Fatal("there are no messages")
		}
		for _, turn := range r.Turns() {
			if !utf8.ValidString(turn.Content) || !slices.Contains([]string{RoleSystem, RoleUser, RoleAssistant}, turn.Role) {
				t.Fatalf("turn %+v", turn)
			}
		}
		grammar, err := r.Constraint()
		if err != nil {
			t.Fatalf("the constraint was not checked: %v", err)
		}
		if r.Format.Kind == FormatSchema || r.Choice.Forces() {
			parseGBNF(t, grammar)
		}
	})
}

func checkParameters(t *testing.T, p *Parameters) {
	t.Helper()
	if p.N < 1 || p.N > MaxChoices || p.MaxTokens < 0 || slices.Contains(p.Stop, "") || p.TopK < 0 {
		t.Fatalf("parameters %+v", p)
	}
	for _, x := range []*float64{p.Temperature, p.TopP, p.MinP, p.Kvasir.Threshold} {
		if x != nil && !(*x >= 0 && *x <= 2) {
			t.Fatalf("parameters %+v", p)
		}
	}
}

func FuzzDecodeCompletion(f *testing.F) {
	for _, seed := range []string{`{"prompt":"a"}`, `{"prompt":["a","b"],"n":2}`, `{"prompt":[1,2]}`, `{"prompt":[[1],"a"]}`, `{"prompt":[1,"a"]}`, `{"prompt":"a","echo":false,"best_of":1,"logprobs":null}`, `{`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := DecodeCompletion(body)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		checkParameters(t, &r.Parameters)
		if len(r.Prompts) == 0 || len(r.Prompts)*r.N > MaxChoices || r.MaxTokens < 1 {
			t.Fatalf("%+v", r)
		}
		for _, p := range r.Prompts {
			if (p.Text == "") == (len(p.Tokens) == 0) || !utf8.ValidString(p.Text) {
				t.Fatalf("prompt %+v", p)
			}
		}
	})
}

func FuzzDecodeEmbedding(f *testing.F) {
	for _, seed := range []string{`{"input":"a"}`, `{"input":["a"],"encoding_format":"base64","dimensions":3}`, `{"input":[1]}`, `{"input":[]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := DecodeEmbedding(body)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if len(r.Input) == 0 || slices.Contains(r.Input, "") || r.Dimensions < 0 {
			t.Fatalf("%+v", r)
		}
	})
}

// Any schema becomes a grammar that can be read, or is refused; grammars do not nest as schemas do.
func FuzzSchemaGrammar(f *testing.F) {
	for _, test := range schemaTests {
		f.Add([]byte(test.schema))
	}
	f.Fuzz(func(t *testing.T, schema []byte) {
		if check(schema) != nil {
			return
		}
		grammar, err := SchemaGrammar(schema, "s")
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if len(grammar) > 4*maxGrammar {
			t.Fatalf("%d bytes", len(grammar))
		}
		parseGBNF(t, grammar)
	})
}

// However an answer is cut, its text and calls are the same, and nothing of a text is lost.
func FuzzCallReader(f *testing.F) {
	for _, seed := range []string{
		"plain", "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>", "a <tool_call>{\"name\":\"f\"}</tool_call><tool_call>{\"name\":\"f\",\"arguments\":\"{}\"}",
		"<tool_call>{\"name\":\"g\"}</tool_call>", "a < b <tool", "<tool_call>{\"name\":\"f\",\"arguments\":{\"x\":\"</tool_call>\"}}</tool_call>",
	} {
		f.Add(seed, uint8(3))
	}
	r, err := DecodeChat([]byte(chatSeeds[4]))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer string, size uint8) {
		whole := r.Calls()
		said := whole.Read(answer)
		rest, calls := whole.End()
		said += rest
		if len(calls) == 0 && said != answer || !strings.HasPrefix(answer, said) {
			t.Fatalf("%q is said as %q with calls %v", answer, said, calls)
		}
		cut := r.Calls()
		pieces, left := "", answer
		for left != "" {
			n := min(len(left), int(size)%7+1)
			pieces += cut.Read(left[:n])
			left = left[n:]
		}
		rest, again := cut.End()
		if pieces+rest != said || !slices.Equal(again, calls) {
			t.Fatalf("%q in pieces is %q with %v, as a whole %q with %v", answer, pieces+rest, again, said, calls)
		}
		for _, c := range calls {
			if c.Name != "f" {
				t.Fatalf("call of %q", c.Name)
			}
		}
	})
}
