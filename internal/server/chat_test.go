package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

func TestChat_AnswersAndRemembers(t *testing.T) {
	f := start(t, hosttest.Options{})
	for i, want := range []string{"miss", "answer"} {
		r, text := f.ask(t, chatBody("hello"))
		if text != wanted("hello") || r.header.Get(headerAction) != want {
			t.Errorf("%q, headers %v, want %q by %s", text, r.header, wanted("hello"), want)
		}
		for path, want := range map[string]any{"object": "chat.completion", "model": "fake", "system_fingerprint": "fp_1"} {
			if got := at(t, r.body, path); got != want {
				t.Errorf("%s is %v, want %v", path, got, want)
			}
		}
		prompt, total := at(t, r.body, "usage", "prompt_tokens").(float64), at(t, r.body, "usage", "total_tokens").(float64)
		if completion := at(t, r.body, "usage", "completion_tokens").(float64); prompt == 0 || completion == 0 || prompt+completion != total {
			t.Errorf("usage of %s", r.body)
		}
		if cached := at(t, r.body, "usage", "prompt_tokens_details", "cached_tokens").(float64); cached != float64(i)*prompt {
			t.Errorf("%v cached tokens the time %d", cached, i)
		}
		if reason := at(t, r.body, "choices", 0, "finish_reason"); reason != "stop" {
			t.Errorf("finish reason %v", reason)
		}
	}
	if n := f.host.Calls(hosttest.Generate); n != 1 {
		t.Errorf("%d inferences", n)
	}
}

// A stored answer is streamed as a computed one is: the same events but for ids and times.
func TestChat_StreamsAnswersAndReplaysThem(t *testing.T) {
	f := start(t, hosttest.Options{})
	body := chatBody("hello", `"stream":true`, `"stream_options":{"include_usage":true}`)
	for i := range 2 {
		r := f.send(t, "POST", chatPath, body)
		if r.status != http.StatusOK || !strings.HasPrefix(r.header.Get("Content-Type"), "text/event-stream") {
			t.Fatalf("%d %v", r.status, r.header)
		}
		all := events(r.body)
		if got := said(t, r.body, 0); got != wanted("hello") {
			t.Errorf("said %q, want %q", got, wanted("hello"))
		}
		n := len(all)
		if all[n-1] != "[DONE]" || at(t, all[0], "choices", 0, "delta", "role") != "assistant" {
			t.Errorf("events %q", all)
		}
		if reason := at(t, all[n-3], "choices", 0, "finish_reason"); reason != "stop" {
			t.Errorf("finish reason %v", reason)
		}
		if choices := at(t, all[n-2], "choices").([]any); len(choices) != 0 || at(t, all[n-2], "usage", "total_tokens").(float64) == 0 {
			t.Errorf("usage %s", all[n-2])
		}
		for _, e := range all[:n-2] {
			if !strings.Contains(e, `"usage":null`) || at(t, e, "object") != "chat.completion.chunk" || at(t, e, "id") != at(t, all[0], "id") {
				t.Errorf("event %s", e)
			}
		}
		if want := []string{"miss", "answer"}[i]; r.header.Get(headerAction) != want {
			t.Errorf("action %q, want %q", r.header.Get(headerAction), want)
		}
	}
	if r := f.send(t, "POST", chatPath, chatBody("hello", `"stream":true`)); strings.Contains(r.body, "usage") {
		t.Errorf("usage that nobody asked for: %s", r.body)
	}
}

func TestChat_LongStoredAnswersComeInPieces(t *testing.T) {
	long := strings.Repeat("äöü ", 300)
	f := start(t, hosttest.Options{Answer: func(string) string { return long }})
	f.ask(t, chatBody("hello"))
	r := f.send(t, "POST", chatPath, chatBody("hello", `"stream":true`))
	if got := said(t, r.body, 0); got != long {
		t.Errorf("said %d bytes, want %d", len(got), len(long))
	}
	if n := len(events(r.body)); n < 8 {
		t.Errorf("%d events", n)
	}
}

func TestChat_ParametersReachTheModel(t *testing.T) {
	f := start(t, hosttest.Options{})
	f.ask(t, `{"messages":[{"role":"developer","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},{"role":"user","content":"c","name":"x"}],
		"max_tokens":3,"max_completion_tokens":4,"stop":["x","y"],"temperature":0.5,"top_p":0.9,"top_k":5,"min_p":0.1,"seed":4294967297,
		"frequency_penalty":1,"presence_penalty":-1,"repeat_penalty":1.5,"logit_bias":{"7":-100,"3":1.5},"user":"u","metadata":{},"never_heard_of":[1]}`)
	r := f.host.Requests()[0]
	s := r.Sampling
	if len(r.Messages) != 2 || r.Messages[0] != (base.Message{Role: "system", Content: "a\nb"}) || r.MaxTokens != 4 || len(r.Stop) != 2 {
		t.Errorf("request %+v", r)
	}
	if s.Temperature != 0.5 || s.TopP != 0.9 || s.TopK != 5 || s.MinP != 0.1 || *s.Seed != 1 || s.FrequencyPenalty != 1 || s.PresencePenalty != -1 || s.RepeatPenalty != 1.5 {
		t.Errorf("sampling %+v", s)
	}
	if text := fmt.Sprint(s.LogitBias); text != "[{3 1.5} {7 -Inf}]" {
		t.Errorf("biases %s", text)
	}
	f.ask(t, chatBody("greedy", `"temperature":0.0001`))
	f.ask(t, chatBody("almost greedy", `"temperature":1`, `"top_p":0`, `"seed":1`))
	if last := f.host.Requests(); last[1].Sampling.Temperature != 0 || last[2].Sampling.TopK != 1 {
		t.Errorf("sampling %+v and %+v", last[1].Sampling, last[2].Sampling)
	}
}

func TestChat_SampledAnswersAreDrawnAnew(t *testing.T) {
	f := start(t, hosttest.Options{})
	first, a := f.ask(t, chatBody("hello", `"temperature":1`))
	_, b := f.ask(t, chatBody("hello", `"temperature":1`))
	if a == b || first.header.Get(headerAction) != "bypass" {
		t.Errorf("%q twice, %v", a, first.header)
	}
	_, a = f.ask(t, chatBody("hello", `"temperature":1`, `"seed":7`))
	again, b := f.ask(t, chatBody("hello", `"temperature":1`, `"seed":7`))
	if a != b || again.header.Get(headerAction) != "answer" {
		t.Errorf("%q and %q, %v", a, b, again.header)
	}
}

func TestChat_SeveralChoices(t *testing.T) {
	f := start(t, hosttest.Options{Parallel: 1})
	drawn := f.send(t, "POST", chatPath, chatBody("hello", `"n":3`, `"temperature":1`, `"seed":5`))
	seen := map[any]bool{}
	for i := range 3 {
		text := at(t, drawn.body, "choices", i, "message", "content")
		if want := hosttest.AnswerSeed(hosttest.Template(base.Message{Role: "user", Content: "hello"}), 5+uint32(i)); text != want || at(t, drawn.body, "choices", i, "index") != float64(i) {
			t.Errorf("choice %d: %v, want %q", i, text, want)
		}
		seen[text] = true
	}
	if len(seen) != 3 || drawn.header.Get(headerAction) != "bypass" {
		t.Errorf("%s %v", drawn.body, drawn.header)
	}
	one, _ := f.ask(t, chatBody("hello"))
	same := f.send(t, "POST", chatPath, chatBody("hello", `"n":2`))
	if at(t, same.body, "choices", 1, "message", "content") != wanted("hello") || same.header.Get(headerAction) != "answer" {
		t.Errorf("%s %v", same.body, same.header)
	}
	if at(t, same.body, "usage", "prompt_tokens") != at(t, one.body, "usage", "prompt_tokens") ||
		at(t, same.body, "usage", "completion_tokens").(float64) != 2*at(t, one.body, "usage", "completion_tokens").(float64) {
		t.Errorf("usage of %s and %s", same.body, one.body)
	}
	stream := f.send(t, "POST", chatPath, chatBody("hello", `"n":2`, `"temperature":1`, `"seed":5`, `"stream":true`))
	for i := range 2 {
		if got := said(t, stream.body, i); got != at(t, drawn.body, "choices", i, "message", "content") {
			t.Errorf("streamed choice %d: %q", i, got)
		}
	}
}

func TestChat_CutAnswersSayLengthAndAreNotRemembered(t *testing.T) {
	f := start(t, hosttest.Options{})
	for range 2 {
		r, text := f.ask(t, chatBody("hello", `"max_tokens":2`))
		if at(t, r.body, "choices", 0, "finish_reason") != "length" || !strings.HasPrefix(wanted("hello"), text) || r.header.Get(headerAction) != "miss" {
			t.Errorf("%s %v", r.body, r.header)
		}
	}
}

func TestChat_ToolsBecomeWordsAndCalls(t *testing.T) {
	const tools = `"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}]`
	const call = "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>"
	answer := "Let me see. " + call
	f := start(t, hosttest.Options{Answer: func(string) string { return answer }})
	for _, want := range []string{"miss", "answer"} {
		r := f.send(t, "POST", chatPath, chatBody("How is it in Paris?", tools))
		message := at(t, r.body, "choices", 0, "message")
		if at(t, r.body, "choices", 0, "finish_reason") != "tool_calls" || at(t, r.body, "choices", 0, "message", "content") != "Let me see. " || r.header.Get(headerAction) != want {
			t.Errorf("%v, %v", message, r.header)
		}
		function := at(t, r.body, "choices", 0, "message", "tool_calls", 0, "function")
		if got := fmt.Sprint(function); got != `map[arguments:{"city": "Paris"} name:weather]` {
			t.Errorf("call %s", got)
		}
	}
	stream := f.send(t, "POST", chatPath, chatBody("How is it in Paris?", tools, `"stream":true`))
	if got := said(t, stream.body, 0); got != "Let me see. " || !strings.Contains(stream.body, `"tool_calls":[{"index":0,"id":"call_`) || !strings.Contains(stream.body, `"finish_reason":"tool_calls"`) {
		t.Errorf("stream %s", stream.body)
	}
	if r := f.host.Requests()[0]; len(r.Messages) != 2 || !strings.Contains(r.Messages[0].Content, `"name":"weather"`) || r.Sampling.Grammar != "" {
		t.Errorf("request %+v", r)
	}

	f.ask(t, `{"messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"weather","arguments":"{\"city\": \"Paris\"}"}}]},
		{"role":"tool","tool_call_id":"1","content":"sunny"},{"role":"tool","tool_call_id":"2","content":"warm"}]}`)
	r := f.host.Requests()[f.host.Calls(hosttest.Generate)-1]
	if len(r.Messages) != 3 || r.Messages[1].Content != call || r.Messages[2].Content != "<tool_response>\nsunny\n</tool_response>\n<tool_response>\nwarm\n</tool_response>" {
		t.Errorf("request %+v", r.Messages)
	}
	f.send(t, "POST", chatPath, chatBody("now", tools, `"tool_choice":"required"`))
	if r := f.host.Requests()[f.host.Calls(hosttest.Generate)-1]; !strings.Contains(r.Sampling.Grammar, "root ::=") {
		t.Errorf("no grammar in %+v", r.Sampling)
	}
	answer = "<tool_call>{\"name\": \"unknown\", \"arguments\": {}}</tool_call>"
	if _, text := f.ask(t, chatBody("another", tools)); text != answer {
		t.Errorf("what is no call of a tool is %q", text)
	}
}

func TestChat_FormatsBecomeGrammars(t *testing.T) {
	f := start(t, hosttest.Options{})
	for _, format := range []string{`{"type":"json_object"}`, `{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"boolean"}}}`} {
		f.ask(t, chatBody("hello", `"response_format":`+format))
		if r := f.host.Requests()[f.host.Calls(hosttest.Generate)-1]; !strings.Contains(r.Sampling.Grammar, "root ::=") {
			t.Errorf("%s: no grammar in %+v", format, r.Sampling)
		}
	}
	if n := f.host.Calls(hosttest.Generate); n != 2 {
		t.Errorf("%d inferences: another format is another request", n)
	}
}

func TestText_AnswersEveryPrompt(t *testing.T) {
	f := start(t, hosttest.Options{})
	r := f.send(t, "POST", textPath, `{"prompt":"hello"}`)
	if at(t, r.body, "choices", 0, "text") != hosttest.Answer("hello") || at(t, r.body, "object") != "text_completion" || f.host.Requests()[0].MaxTokens != 16 {
		t.Errorf("%d %s", r.status, r.body)
	}
	r = f.send(t, "POST", textPath, `{"prompt":["hello","there",[1,2]],"max_tokens":100,"kvasir":{"details":true}}`)
	for i, want := range []any{hosttest.Answer("hello"), hosttest.Answer("there")} {
		if got := at(t, r.body, "choices", i, "text"); got != want {
			t.Errorf("choice %d: %v, want %v", i, got, want)
		}
	}
	if at(t, r.body, "kvasir", 0, "action") != "answer" || at(t, r.body, "kvasir", 1, "action") != "miss" || r.header.Get(headerAction) != "mixed" {
		t.Errorf("%s %v", r.body, r.header)
	}
	stream := f.send(t, "POST", textPath, `{"prompt":"hello","max_tokens":100,"stream":true,"stream_options":{"include_usage":true}}`)
	text, all := "", events(stream.body)
	for _, e := range all[:len(all)-1] {
		piece, _ := at(t, e, "choices", 0, "text").(string)
		text += piece
	}
	if text != hosttest.Answer("hello") || all[len(all)-1] != "[DONE]" || at(t, all[len(all)-2], "usage", "total_tokens").(float64) == 0 {
		t.Errorf("events %q", all)
	}
}

func TestEmbeddings(t *testing.T) {
	f := start(t, hosttest.Options{})
	r := f.send(t, "POST", "/v1/embeddings", `{"model":"m","input":["a","b"],"dimensions":32}`)
	if vector := at(t, r.body, "data", 1, "embedding").([]any); len(vector) != hosttest.Width || at(t, r.body, "data", 1, "index") != 1.0 || at(t, r.body, "usage", "prompt_tokens") != 2.0 {
		t.Errorf("%s", r.body)
	}
	r = f.send(t, "POST", "/v1/embeddings", `{"model":"m","input":"a","encoding_format":"base64"}`)
	if text, ok := at(t, r.body, "data", 0, "embedding").(string); !ok || len(text) != 4*((4*hosttest.Width+2)/3) {
		t.Errorf("%s", r.body)
	}
	for body, status := range map[string]int{`{"input":"a","dimensions":3}`: 400, `{"input":[1,2]}`: 400, `{"input":[]}`: 400, `{"input":""}`: 400, `{}`: 400} {
		if r := f.send(t, "POST", "/v1/embeddings", body); r.status != status {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
	f.loading.Store(true)
	if r := f.send(t, "POST", "/v1/embeddings", `{"input":"a"}`); r.status != 503 {
		t.Errorf("while loading: %d", r.status)
	}
	none := start(t, hosttest.Options{NoEmbed: true})
	if r := none.send(t, "POST", "/v1/embeddings", `{"input":"a"}`); r.status != 400 || at(t, r.body, "error", "code") != "unsupported_parameter" {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestModelsAndHealth(t *testing.T) {
	f := start(t, hosttest.Options{}, func(o *Options) { o.Name = "org/name" })
	if r := f.send(t, "GET", "/v1/models", ""); at(t, r.body, "data", 0, "id") != "org/name" || at(t, r.body, "object") != "list" {
		t.Errorf("%s", r.body)
	}
	if r := f.send(t, "GET", "/v1/models/org/name", ""); r.status != 200 || at(t, r.body, "id") != "org/name" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := f.send(t, "GET", "/v1/models/other", ""); r.status != 404 || at(t, r.body, "error", "code") != "model_not_found" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := f.send(t, "GET", "/ready", ""); r.status != 200 || at(t, r.body, "status") != "ready" {
		t.Errorf("%d %s", r.status, r.body)
	}
	f.ask(t, chatBody("stored"))
	f.loading.Store(true)
	if r := f.send(t, "GET", "/ready", ""); r.status != 503 || at(t, r.body, "status") != "loading" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := f.send(t, "GET", "/health", ""); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
	f.ask(t, chatBody("stored")) // what is stored needs no model
	if r := f.send(t, "POST", chatPath, chatBody("new")); r.status != 503 || r.header.Get("Retry-After") == "" || at(t, r.body, "error", "type") != "server_error" {
		t.Errorf("%d %s %v", r.status, r.body, r.header)
	}
}

func TestServer_TurnsAwayWhatTheHostHasNoRoomFor(t *testing.T) {
	f := start(t, hosttest.Options{Parallel: 1, Queue: 1})
	gate := f.host.Hold(hosttest.AtStart)
	defer gate.Open()
	for i := range 2 {
		go f.api.Client().Post(f.api.URL+chatPath, "application/json", strings.NewReader(chatBody(fmt.Sprint("holds ", i))))
	}
	<-gate.Arrived()
	eventually(t, "a request waits", func() bool { return f.host.Waiting() == 1 })
	for _, stream := range []string{"false", "true"} {
		r := f.send(t, "POST", chatPath, chatBody("too much", `"stream":`+stream))
		if r.status != 429 || r.header.Get("Retry-After") == "" || at(t, r.body, "error", "code") != "overloaded" {
			t.Errorf("%d %s %v", r.status, r.body, r.header)
		}
	}
}

func TestServer_EndsWhatTakesTooLong(t *testing.T) {
	f := start(t, hosttest.Options{}, func(o *Options) { o.Settings.Timeout = 20 * time.Millisecond })
	if r := f.send(t, "POST", chatPath, chatBody(hosttest.HangPrompt)); r.status != 504 || at(t, r.body, "error", "code") != "timeout" {
		t.Errorf("%d %s", r.status, r.body)
	}
	r := f.send(t, "POST", chatPath, chatBody(hosttest.HangPrompt, `"stream":true`))
	if r.status != 200 || strings.Contains(r.body, "[DONE]") || !strings.Contains(r.body, `"code":"timeout"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
}
