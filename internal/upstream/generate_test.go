package upstream

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/openai"
)

func TestGenerate_PassesAStreamOnAndCountsIt(t *testing.T) {
	f := newFake(t, stream(`{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}`, piece("Nia"), piece("mey."), stopped, counted, done))
	r, said, err := f.generate(t, question("Where?"))
	if err != nil {
		t.Fatal(err)
	}
	if said != "Niamey." || r.Text != said || r.FinishReason != base.FinishStop || r.Usage != (base.Usage{PromptTokens: 7, CompletionTokens: 3}) {
		t.Errorf("said %q, result %+v", said, r)
	}
	if f.paths[0] != "/v1/chat/completions" || f.keys[0] != "Bearer "+testKey {
		t.Errorf("asked at %q with %q", f.paths[0], f.keys[0])
	}
}

func TestGenerate_SendsWhatTheRequestSaysAndWhatIsPassedOn(t *testing.T) {
	f := newFake(t, stream(piece("x"), stopped, done))
	seed := uint32(7)
	r := &base.Request{
		Messages: []base.Message{{Role: "assistant"}, {Role: "user", Content: "q"}}, MaxTokens: 9, Stop: []string{"END"},
		Sampling: base.Sampling{Temperature: 0.7, TopP: 0.9, Seed: &seed, LogitBias: []base.LogitBias{{Token: 5, Bias: float32(math.Inf(-1))}}},
		Passed: []base.Passed{
			{Name: "tools", Value: `[{"b":1, "a":2}]`}, {Name: "max_completion_tokens", Value: "null"}, {Name: "stream", Value: "false"},
			{Name: "model", Value: `"other"`}, {Message: 1, Name: "tool_calls", Value: `[]`}, {Message: 1, Name: "content", Value: "null"},
		},
	}
	if _, _, err := f.generate(t, r); err != nil {
		t.Fatal(err)
	}
	want := `{"logit_bias":{"5":-100},"max_completion_tokens":9,"messages":[{"content":null,"role":"assistant","tool_calls":[]},` +
		`{"content":"q","role":"user"}],"model":"large","seed":7,"stop":["END"],"stream":true,"stream_options":{"include_usage":true},` +
		`"temperature":0.7,"tools":[{"b":1,"a":2}],"top_p":0.9}`
	if f.asked[0] != want {
		t.Errorf("sent\n%s\nwant\n%s", f.asked[0], want)
	}
	for prompt, want := range map[*base.Request]string{
		{Prompt: "Once"}: `"prompt":"Once"`, {Tokens: []base.Token{1, 2}}: `"prompt":[1,2]`,
	} {
		if _, _, err := f.generate(t, prompt); err != nil || !strings.Contains(f.asked[f.calls()-1], want) || f.paths[f.calls()-1] != "/v1/completions" {
			t.Errorf("%v, sent %s to %s", err, f.asked[f.calls()-1], f.paths[f.calls()-1])
		}
	}
	if strings.Contains(strings.Join(f.asked, ""), testKey) {
		t.Error("a body has the key")
	}
}

func TestGenerate_WritesToolCallsSoThatTheyComeOutTheSame(t *testing.T) {
	f := newFake(t, stream(piece("Let me <tool_call>\x1elook."),
		`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_a","function":{"name":"look","arguments":""}}]}}]}`,
		`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"{\"at\": \"<tool_call>\"}"}}]}}]}`,
		`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":2,"id":"call_b","function":{"name":"wait","arguments":"no JSON"}}]}}]}`,
		`{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`, done))
	r, said, err := f.generate(t, question("?"))
	if err != nil || said != r.Text || r.FinishReason != base.FinishStop {
		t.Fatalf("%v, said %q, %+v", err, said, r)
	}
	chat, invalid := openai.DecodeChatPassing([]byte(`{"messages":[{"role":"user","content":"?"}],"tools":[{"type":"function","function":{"name":"look"}},{"type":"function","function":{"name":"wait"}}]}`))
	if invalid != nil {
		t.Fatal(invalid)
	}
	reader := chat.Calls()
	text := reader.Read(r.Text)
	rest, calls := reader.End()
	want := []openai.FunctionCall{{Name: "look", Arguments: `{"at": "<tool_call>"}`, ID: "call_a"}, {Name: "wait", Arguments: "no JSON", ID: "call_b"}}
	if text+rest != "Let me <tool_call>look." || len(calls) != 2 || calls[0] != want[0] || calls[1] != want[1] {
		t.Errorf("%q, %+v", text+rest, calls)
	}
}

// A list of empty objects takes hundreds of times its bytes once it is decoded.
func TestGenerate_TakesNoListThatIsTooLong(t *testing.T) {
	many := func(n int) string { return strings.TrimSuffix(strings.Repeat("{},", n), ",") }
	for name, handle := range map[string]http.HandlerFunc{
		"choices":            fails(200, `{"choices":[`+many(mostChoices+1)+`]}`),
		"calls of a message": fails(200, `{"choices":[{"message":{"tool_calls":[`+many(mostCalls+1)+`]}}]}`),
		"calls of a stream":  stream(slices.Repeat([]string{`{"choices":[{"delta":{"tool_calls":[` + many(mostCalls/2+1) + `]}}]}`}, 2)...),
		"a long answer":      fails(200, `{"choices":[]}`+strings.Repeat(" ", mostLine)),
		"a custom call":      stream(`{"choices":[{"delta":{"tool_calls":[{"type":"custom","custom":{"name":"x","input":"y"}}]},"finish_reason":"tool_calls"}]}`, done),
	} {
		f := newFake(t, handle)
		if r, _, err := f.generate(t, question("?")); r != nil || !errors.Is(err, base.ErrUnavailable) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestGenerate_DoesNotBelieveAUsageThatCannotBe(t *testing.T) {
	for _, usage := range []string{`{"prompt_tokens":-7,"completion_tokens":3}`, `{"prompt_tokens":7,"completion_tokens":-3}`, `{"prompt_tokens":7,"completion_tokens":0}`} {
		f := newFake(t, stream(piece("Niamey"), `{"choices":[],"usage":`+usage+`}`, stopped, done))
		if r, _, err := f.generate(t, question("?")); err != nil || r.Usage != (base.Usage{CompletionTokens: 2}) {
			t.Errorf("%s: %+v, %v", usage, r, err)
		}
	}
}

func TestGenerate_DoesNotBlameTheUpstreamForASlowClient(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		stream(piece("Nia"))(w, r)
		time.Sleep(20 * time.Millisecond) // so that the rest is read after the client was slow
		stream(piece("mey"), stopped, done)(w, r)
	}, func(o *Options) { o.Timeout = 100 * time.Millisecond })
	r, err := f.host.Generate(t.Context(), question("?"), func(base.Chunk) error { time.Sleep(200 * time.Millisecond); return nil })
	if err != nil || r.Text != "Niamey" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestGenerate_TakesAWholeAnswerWhereNoStreamComes(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"choices":[{"index":0,"message":{"content":"whole"},"finish_reason":"length"}]}`))
	})
	r, said, err := f.generate(t, question("?"))
	if err != nil || said != "whole" || r.FinishReason != base.FinishLength || r.Usage.CompletionTokens < 2 {
		t.Errorf("%v, %q, %+v", err, said, r)
	}
}

func TestGenerate_RefusalsAndFiltersAreNoOrdinaryEnd(t *testing.T) {
	for _, events := range [][]string{
		{`{"choices":[{"index":0,"delta":{"refusal":"I will not."}}]}`, stopped, done},
		{piece("I will not."), `{"choices":[{"index":0,"delta":{},"finish_reason":"content_filter"}]}`, done},
	} {
		f := newFake(t, stream(events...))
		if r, said, err := f.generate(t, question("?")); err != nil || said != "I will not." || r.FinishReason != "content_filter" {
			t.Errorf("%v, %q, %+v", err, said, r)
		}
	}
}

func TestGenerate_AnAnswerThatIsNotWholeIsNone(t *testing.T) {
	for name, handle := range map[string]http.HandlerFunc{
		"no end":       stream(piece("Nia"), stopped),
		"no reason":    stream(piece("Nia"), done),
		"no JSON":      stream(piece("Nia"), "{"),
		"a page":       fails(200, "<html>"),
		"an error":     stream(piece("Nia"), `{"error":{"message":"out of memory, `+testKey+`","code":500}}`),
		"nothing":      fails(200, ""),
		"text error":   stream(`{"error":"overloaded"}`),
		"a long event": stream(piece(strings.Repeat("x", mostLine+1))),
		"cut": func(w http.ResponseWriter, r *http.Request) {
			stream(piece("Nia"))(w, r)
			panic(http.ErrAbortHandler)
		},
	} {
		f := newFake(t, handle)
		f.Config.ErrorLog = nil
		r, _, err := f.generate(t, question("?"))
		if r != nil || !errors.Is(err, base.ErrUnavailable) || f.calls() != 1 {
			t.Errorf("%s: %+v, %v after %d tries", name, r, err, f.calls())
		}
	}
}

func TestGenerate_EndsAnUpstreamThatIsSilent(t *testing.T) {
	gone := make(chan struct{}, 2)
	wait := func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		gone <- struct{}{}
	}
	for name, handle := range map[string]http.HandlerFunc{
		"before": wait,
		"within": func(w http.ResponseWriter, r *http.Request) {
			stream(piece("Nia"))(w, r)
			wait(w, r)
		},
	} {
		f := newFake(t, handle, func(o *Options) { o.Timeout = 50 * time.Millisecond })
		_, _, err := f.generate(t, question("?"))
		var known *openai.Error
		if !errors.As(err, &known) || known.Status != http.StatusGatewayTimeout || f.calls() != 1 {
			t.Errorf("%s: %v after %d tries", name, err, f.calls())
		}
		<-gone
	}
}

func TestGenerate_StopsTheUpstreamWhenNobodyWaits(t *testing.T) {
	gone := make(chan struct{})
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		stream(piece("Nia"))(w, r)
		<-r.Context().Done()
		close(gone)
	})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := f.host.Generate(ctx, question("?"), func(base.Chunk) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	<-gone
	left := errors.New("the client left")
	f = newFake(t, stream(piece("Nia"), piece("mey"), stopped, done))
	if _, err := f.host.Generate(t.Context(), question("?"), func(base.Chunk) error { return left }); !errors.Is(err, left) {
		t.Errorf("%v", err)
	}
}

func TestEmbed_ReturnsVectorsInTheOrderOfTheTexts(t *testing.T) {
	f := newFake(t, fails(200, `{"data":[{"index":1,"embedding":[3,4]},{"index":0,"embedding":[1,2]}],"usage":{"prompt_tokens":4}}`))
	e, err := f.host.Embed(t.Context(), []string{"a", "b"})
	if err != nil || len(e.Vectors) != 2 || e.Vectors[0][1] != 2 || e.Vectors[1][0] != 3 || e.Usage.PromptTokens != 4 {
		t.Errorf("%v, %+v", err, e)
	}
	if f.paths[0] != "/v1/embeddings" {
		t.Error(f.paths[0])
	}
	for _, body := range []string{`{"data":[]}`, `{"data":[{"index":2,"embedding":[1]}]}`, `x`, `{"data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":[1]}]}`} {
		f := newFake(t, fails(200, body))
		if _, err := f.host.Embed(t.Context(), []string{"a", "b"}); !errors.Is(err, base.ErrUnavailable) {
			t.Errorf("%s: %v", body, err)
		}
	}
}
