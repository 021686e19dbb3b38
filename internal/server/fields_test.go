package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

const (
	drawn   = `"temperature":1,"seed":7`
	oneTool = `"tools":[{"type":"function","function":{"name":"f"}}]`
)

// fields are values of fields that ask for something, and what has to stand beside them.
var fields = map[string]struct{ value, beside string }{
	"messages":               {`[{"role":"system","content":"Be brief."},{"role":"user","content":"q"}]`, ""},
	"prompt":                 {`"another"`, ""},
	"model":                  {`"gpt"`, ""},
	"max_tokens":             {`1000`, ""},
	"max_completion_tokens":  {`1000`, ""},
	"temperature":            {`0.5`, `"seed":7`},
	"top_p":                  {`0.5`, drawn},
	"seed":                   {`8`, drawn},
	"frequency_penalty":      {`1`, ""},
	"presence_penalty":       {`1`, ""},
	"logit_bias":             {`{"5":1}`, ""},
	"stop":                   {`["END"]`, ""},
	"n":                      {`2`, ""},
	"stream":                 {`true`, ""},
	"stream_options":         {`{"include_usage":true}`, `"stream":true`},
	"response_format":        {`{"type":"json_object"}`, ""},
	"tools":                  {`[{"type":"function","function":{"name":"f"}}]`, ""},
	"tool_choice":            {`"required"`, oneTool},
	"parallel_tool_calls":    {`false`, oneTool + `,"tool_choice":"required"`},
	"logprobs":               {`true`, ""},
	"top_logprobs":           {`2`, ""},
	"functions":              {`[{"name":"f"}]`, ""},
	"function_call":          {`"auto"`, ""},
	"audio":                  {`{"voice":"x","format":"wav"}`, ""},
	"modalities":             {`["text","audio"]`, ""},
	"web_search_options":     {`{}`, ""},
	"reasoning_effort":       {`"low"`, ""},
	"verbosity":              {`"low"`, ""},
	"prediction":             {`{"type":"content","content":"x"}`, ""},
	"user":                   {`"me"`, ""},
	"metadata":               {`{"a":"b"}`, ""},
	"store":                  {`true`, ""},
	"service_tier":           {`"flex"`, ""},
	"safety_identifier":      {`"x"`, ""},
	"prompt_cache_key":       {`"x"`, ""},
	"prompt_cache_retention": {`"24h"`, ""},
	"echo":                   {`true`, ""},
	"suffix":                 {`"end"`, ""},
	"best_of":                {`3`, ""},
	"top_k":                  {`5`, drawn},
	"min_p":                  {`0.1`, drawn},
	"repeat_penalty":         {`1.5`, ""},
	"grammar":                {`"root ::= \"a\""`, ""},
	"kvasir":                 {`{"details":true}`, ""},
}

// documented reads the table of fields of docs/server.md: of each field what is said of the four ways.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/server.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| field | chat | text | chat, upstream | text, upstream | |\n|---|---|---|---|---|---|\n")
	table, _, ok := strings.Cut(table, "\n\n")
	if !ok {
		t.Fatal("docs/server.md has no table of fields")
	}
	rows := map[string][]string{}
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(line, " | ")
		if len(cells) != 6 {
			t.Fatalf("%q has %d cells", line, len(cells))
		}
		rows[strings.Trim(cells[0], "|` ")] = cells[1:5]
	}
	return rows
}

// with sets fields of a body.
func with(t *testing.T, body string, more ...string) string {
	t.Helper()
	all := map[string]json.RawMessage{}
	for _, text := range append([]string{body}, more...) {
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			t.Fatal(err)
		}
	}
	made, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(made)
}

// way is one of the columns of the table.
type way struct {
	path, body string
	fixture    *fixture
	behind     *behind // nil if there is no upstream
}

func ways(t *testing.T) []way {
	here, there := start(t, hosttest.Options{}), startBehind(t, tells("Niamey."))
	const chat, text = `{"messages":[{"role":"user","content":"q %"}]}`, `{"prompt":"q %"}`
	return []way{
		{chatPath, chat, here, nil}, {textPath, text, here, nil}, {chatPath, chat, there.fixture, there}, {textPath, text, there.fixture, there},
	}
}

// ask asks for equal requests only, and returns the answer and what the cache did.
func (w *way) ask(t *testing.T, body string, headers ...string) (reply, string) {
	t.Helper()
	r := w.fixture.send(t, "POST", w.path, body, append(headers, headerStrategy+": exact")...)
	if r.status != http.StatusOK && r.status != http.StatusBadRequest {
		t.Fatalf("%s: %d %s", body, r.status, r.body)
	}
	return r, r.header.Get(headerAction)
}

// does finds out what a server does with a field, in the words of the table.
func (w *way) does(t *testing.T, name string) string {
	t.Helper()
	plain := with(t, strings.ReplaceAll(w.body, "%", name), "{"+fields[name].beside+"}")
	asked := with(t, plain, `{"`+name+`":`+fields[name].value+"}")
	if r, action := w.ask(t, plain); action != "miss" {
		t.Fatalf("%s: %q %s", plain, action, r.body)
	}
	r, first := w.ask(t, asked)
	if r.status != http.StatusOK {
		if at(t, r.body, "error", "param") != name || at(t, r.body, "error", "code") != "unsupported_parameter" {
			return r.body
		}
		return "refused"
	}
	_, second := w.ask(t, asked)
	return w.word(first+" "+second, w.sends(t, plain, name) != w.sends(t, asked, name))
}

// word is that of what the cache did with a field twice, after an answer without it had been stored.
func (w *way) word(actions string, sent bool) string {
	switch {
	case actions == "answer answer" && sent:
		return "sent, same"
	case actions == "answer answer":
		return "same"
	case actions == "miss answer" && sent:
		return "sent"
	case actions == "miss answer" && w.behind == nil:
		return "own"
	}
	return fmt.Sprintf("%s, sent %t", actions, sent)
}

// sends returns what the upstream is sent of a field, nothing if there is no upstream.
func (w *way) sends(t *testing.T, body, name string) string {
	t.Helper()
	if w.behind == nil {
		return ""
	}
	w.ask(t, body, "Cache-Control: no-cache")
	return fmt.Sprint(at(t, w.behind.asked[w.behind.calls()-1], name))
}

func TestFields_DoWhatTheDocumentationSays(t *testing.T) {
	rows, columns := documented(t), ways(t)
	for name := range fields {
		if rows[name] == nil {
			t.Errorf("the table of docs/server.md has no %s", name)
		}
	}
	for name, row := range rows {
		if _, ok := fields[name]; !ok {
			t.Errorf("%s is in the table of docs/server.md, and nothing is known of it here", name)
			continue
		}
		for i, want := range row {
			if want == "–" {
				continue
			}
			if got := columns[i].does(t, name); got != want {
				t.Errorf("%s, column %d: %s, want %s", name, i+1, got, want)
			}
		}
	}
}

// Values that ask for nothing are taken, since clients send them.
func TestFields_ThatAreRefusedMayAskForNothing(t *testing.T) {
	columns := ways(t)
	for path, all := range map[string][]string{
		chatPath: {`"logprobs":false`, `"top_logprobs":0`, `"modalities":["text"]`, `"reasoning_effort":"none"`, `"verbosity":"medium"`, `"functions":null`,
			`"audio":null`, `"web_search_options":null`, `"stream":true,"stream_options":{"include_obfuscation":false}`},
		textPath: {`"logprobs":null`, `"echo":false`, `"suffix":""`, `"best_of":2,"n":2`, `"response_format":null`},
	} {
		for _, text := range all {
			for i, w := range columns {
				if w.path != path {
					continue
				}
				if r, action := w.ask(t, with(t, w.body, "{"+text+"}")); action == "" {
					t.Errorf("%s, column %d: %d %s", text, i+1, r.status, r.body)
				}
			}
		}
	}
}

func TestFields_WithinOthersAreRefusedByName(t *testing.T) {
	columns := ways(t)
	for text, param := range map[string]string{
		`{"stream":true,"stream_options":{"include_obfuscation":true}}`:                                      "stream_options.include_obfuscation",
		`{"messages":[{"role":"assistant","content":"a","function_call":{}},{"role":"user","content":"q"}]}`: "messages[0].function_call",
		`{"messages":[{"role":"assistant","content":"a","audio":{"id":"x"}},{"role":"user","content":"q"}]}`: "messages[0].audio",
		`{"tools":[{"type":"custom","custom":{"name":"x"}}]}`:                                                "tools[0].type",
		`{"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"allowed_tools"}}`:     "tool_choice.type",
		`{"stop":["` + strings.Repeat(`a","`, 64) + `a"]}`:                                                   "stop",
		`{"stop":"` + strings.Repeat("a", 1025) + `"}`:                                                       "stop",
	} {
		r, _ := columns[0].ask(t, with(t, columns[0].body, text))
		if r.status != http.StatusBadRequest || at(t, r.body, "error", "param") != param {
			t.Errorf("%s: %d %s, want it refused for %s", text, r.status, r.body, param)
		}
	}
}
