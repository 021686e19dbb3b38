package openai

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// passedText lists what is passed on, one field after the other.
func passedText(list []Passed) string {
	var b strings.Builder
	for _, p := range list {
		fmt.Fprintf(&b, "%d.%s=%s ", p.Message, p.Name, p.Value)
	}
	return strings.TrimSpace(b.String())
}

func TestDecodeChatPassing_PassesOnWhatItDoesNotKnow(t *testing.T) {
	for _, test := range []struct{ name, body, texts, passed string }{
		{"a plain chat", `{"model":"m","messages":[{"role":"user","content":"a"}],"temperature":0.5,"stream":false,"n":1,"logprobs":false}`, "user:a", ""},
		{"one part that is a text", `{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]}`, "user:a", ""},
		{"parts", `{"messages":[{"role":"user","content":[{"type":"text","text":"a"}, {"type":"image_url","image_url":{"url":"x"}}]}]}`, "user:",
			`1.content=[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"x"}}]`},
		{"a part with more in it", `{"messages":[{"role":"user","content":[{"type":"text","text":"a","cache":1}]}]}`, "user:", `1.content=[{"type":"text","text":"a","cache":1}]`},
		{"a developer with a name", `{"messages":[{"role":"developer","content":"a","name":"me"}]}`, "developer:a", `1.name="me"`},
		{"calls and their answers", `{"messages":[{"role":"assistant","content":null,"tool_calls":[{"id": "1"}]},{"role":"tool","content":"x","tool_call_id":"1"}]}`,
			"assistant: tool:x", `1.tool_calls=[{"id":"1"}] 1.content=null 2.tool_call_id="1"`},
		{"fields nobody knows", `{"messages":[{"role":"user","content":"a"}],"reasoning_effort":"low","zeta":{"b":1,"a":2},"none":null,"max_completion_tokens":5,"user":"me"}`,
			"user:a", `0.max_completion_tokens=null 0.reasoning_effort="low" 0.user="me" 0.zeta={"b":1,"a":2}`},
		{"tools and a schema", `{"messages":[{"role":"user","content":"a"}],"tools":[{"type":"function", "function":{"name":"f"}}],"tool_choice":"auto","response_format":{"type":"json_schema","json_schema":{"schema":{"pattern":"x"}}}}`,
			"user:a", `0.response_format={"type":"json_schema","json_schema":{"schema":{"pattern":"x"}}} 0.tools=[{"type":"function","function":{"name":"f"}}] 0.tool_choice="auto"`},
	} {
		r, err := DecodeChatPassing([]byte(test.body))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		var texts []string
		for _, m := range r.Messages {
			texts = append(texts, m.Role+":"+m.Content)
		}
		if got := strings.Join(texts, " "); got != test.texts || passedText(r.Passed) != test.passed {
			t.Errorf("%s: texts %q, passed %s", test.name, got, passedText(r.Passed))
		}
	}
}

func TestDecodePassing_RefusesWhatAnswersCannotHold(t *testing.T) {
	for param, field := range map[string]string{
		"logprobs": `"logprobs":true`, "audio": `"audio":{}`, "modalities": `"modalities":["audio"]`, "functions": `"functions":[]`,
		"temperature": `"temperature":3`, "stop": `"stop":1`,
	} {
		if _, err := DecodeChatPassing([]byte(`{"messages":[{"role":"user","content":"a"}],` + field + `}`)); err == nil || err.Param != param {
			t.Errorf("%s: %+v", field, err)
		}
	}
	for _, body := range []string{`{}`, `{"messages":[]}`, `{"messages":[{"content":"a"}]}`, `[]`, `{"messages":[1]}`} {
		if _, err := DecodeChatPassing([]byte(body)); err == nil {
			t.Errorf("%s was taken", body)
		}
	}
	if _, err := DecodeCompletionPassing([]byte(`{"prompt":"a","echo":true}`)); err == nil || err.Param != "echo" {
		t.Errorf("%+v", err)
	}
	r, err := DecodeCompletionPassing([]byte(`{"prompt":"a","suffix":"b","best_of":1,"echo":false}`))
	if err != nil || passedText(r.Passed) != `0.suffix="b"` || r.MaxTokens != defaultMaxTokens {
		t.Errorf("%v, %+v", err, r)
	}
}

const passedTools = `"tools":[{"type":"function","function":{"name":"any"}},{"type":"function","function":{"name":"é"}}]`

func passingChat(t *testing.T, fields string) *ChatRequest {
	t.Helper()
	r, err := DecodeChatPassing([]byte(`{"messages":[{"role":"user","content":"a"}]` + fields + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCallReader_OfAPassingRequestTakesTheCallsOfItsUpstream(t *testing.T) {
	calls := []ToolCall{{ID: "call_1", Function: FunctionCall{Name: "any", Arguments: `{"a": "</tool_call>"}`}}, {Function: FunctionCall{Name: "é", Arguments: `"text"`}}}
	const look = "I use a <tool_call> now.\n"
	text := look + WriteCalls(calls)
	for fields, want := range map[string]int{
		"," + passedTools: 2,
		"," + passedTools + `,"tool_choice":"none"`: 0,
		"": 0,
		`,"tools":[{"type":"function","function":{"name":"any"}}]`: 0, // the other one is none of its tools
		"," + passedTools + `,"tool_choice":"forced"`:              2,
	} {
		reader := passingChat(t, fields).Calls()
		said := ""
		for i := range len(text) {
			said += reader.Read(text[i : i+1])
		}
		rest, got := reader.End()
		if len(got) != want {
			t.Errorf("%s: %d calls", fields, len(got))
			continue
		}
		if want == 0 && said+rest != text || want > 0 && said+rest != look {
			t.Errorf("%s: said %q", fields, said+rest)
		}
		for i, c := range got {
			if c.Name != calls[i].Function.Name || c.Arguments != calls[i].Function.Arguments || c.ID != calls[i].ID {
				t.Errorf("%s: %+v", fields, c)
			}
		}
	}
}

func TestCallReader_OfAPassingRequestMakesNoCallOfText(t *testing.T) {
	for _, text := range []string{"<tool_call>\n{\"name\":\"any\"}\n</tool_call>", WriteCalls([]ToolCall{{Function: FunctionCall{Name: "any"}}})} {
		reader := passingChat(t, ","+passedTools).Calls()
		text = PassedText(text)
		said := reader.Read(text)
		if rest, calls := reader.End(); said+rest != text || calls != nil {
			t.Errorf("%q: said %q, and %d calls", text, said+rest, len(calls))
		}
	}
}

func TestDecodePassing_RefusesToolsThatAreNoFunctions(t *testing.T) {
	for tools, param := range map[string]string{
		`[{"type":"custom","custom":{"name":"x"}}]`: "tools[0].type", `[{}]`: "tools[0].type", `{}`: "tools",
		`[{"type":"function","function":{"name":"x"}},{"type":"function","function":{}}]`: "tools[1].function.name",
	} {
		if _, err := DecodeChatPassing([]byte(`{"messages":[{"role":"user","content":"a"}],"tools":` + tools + `}`)); err == nil || err.Param != param {
			t.Errorf("%s: %+v, want it refused for %s", tools, err, param)
		}
	}
}

// Whatever is taken, no field is lost and none is passed on twice.
func FuzzDecodeChatPassing(f *testing.F) {
	for _, seed := range chatSeeds {
		f.Add([]byte(seed))
	}
	f.Add([]byte(`{"messages":[{"role":"user","content":[{"type":"text","text":"a"}],"x":1}],"y":2,"tools":[]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := DecodeChatPassing(body)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		checkParameters(t, &r.Parameters)
		seen := map[string]bool{}
		for _, p := range r.Passed {
			at := fmt.Sprint(p.Message, " ", p.Name)
			if seen[at] || !json.Valid(p.Value) || p.Message > len(r.Messages) {
				t.Fatalf("%s is passed on twice, of no message, or as no JSON: %s", at, p.Value)
			}
			seen[at] = true
		}
		var fields map[string]json.RawMessage
		if json.Unmarshal(body, &fields) != nil {
			t.Fatal("a body was taken that is no object")
		}
		for name, raw := range fields {
			if known := slices.Contains(parameters, name) || name == "messages"; !known && kindOf(raw) != kindNull && !seen["0 "+name] {
				t.Fatalf("%q is lost", name)
			}
		}
	})
}

// Of a text completion too no field is lost, and none is passed on twice.
func FuzzDecodeCompletionPassing(f *testing.F) {
	for _, seed := range []string{`{"prompt":"a"}`, `{"prompt":["a","b"],"n":2,"suffix":"c"}`, `{"prompt":[[1],"a"],"best_of":1,"echo":false,"z":{"a":[1, 2]}}`, `{`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := DecodeCompletionPassing(body)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		checkParameters(t, &r.Parameters)
		var fields map[string]json.RawMessage
		if json.Unmarshal(body, &fields) != nil {
			t.Fatal("a body was taken that is no object")
		}
		held := append([]string{"prompt", "echo", "best_of"}, parameters...)
		for name, raw := range fields {
			n := 0
			for _, p := range r.Passed {
				if p.Name == name && p.Message == 0 && json.Valid(p.Value) {
					n++
				}
			}
			if known := slices.Contains(held, name) || kindOf(raw) == kindNull; known == (n == 1) || n > 1 {
				t.Fatalf("%q is passed on %d times, known %t", name, n, known)
			}
		}
	})
}

// Calls come out of an answer as they went in, however it is cut, and no text of an upstream makes one.
func FuzzWriteCalls(f *testing.F) {
	f.Add("I look.", "any", "call_1", `{"a":"</tool_call>"}`, uint8(3))
	f.Add(passedMark+`[{"name":"any"}]`, "é", "", "no JSON", uint8(0))
	f.Add("a\x1e", "any", "\x1ekvasir-calls\n[]", passedMark, uint8(1))
	r, err := DecodeChatPassing([]byte(`{"messages":[{"role":"user","content":"a"}],` + passedTools + `}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, name, id, arguments string, size uint8) {
		for _, s := range []*string{&text, &name, &id, &arguments} {
			*s = strings.ToValidUTF8(*s, "?") // as JSON has them
		}
		said := PassedText(text)
		want := []FunctionCall{{Name: name, ID: id, Arguments: arguments}}
		if got, calls := readCut(r, said, size); got != said || calls != nil {
			t.Fatalf("%q is said as %q, with calls %v", said, got, calls)
		}
		got, calls := readCut(r, said+WriteCalls([]ToolCall{{ID: id, Function: want[0]}}), size)
		if there := r.tool(name) != nil; there && (got != said || !slices.Equal(calls, want)) || !there && calls != nil {
			t.Fatalf("%q with %v is said as %q, with calls %v", said, want, got, calls)
		}
	})
}

// readCut reads an answer in pieces.
func readCut(r *ChatRequest, answer string, size uint8) (said string, calls []FunctionCall) {
	reader := r.Calls()
	for answer != "" {
		n := min(len(answer), int(size)%7+1)
		said += reader.Read(answer[:n])
		answer = answer[n:]
	}
	rest, calls := reader.End()
	return said + rest, calls
}
