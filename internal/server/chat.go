package server

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/openai"
)

// chat answers POST /v1/chat/completions.
func chat(ctx context.Context, x *exchange) error {
	r, invalid := x.decodeChat()
	if invalid != nil {
		return invalid
	}
	w, err := x.wishes(&r.Kvasir)
	if err != nil {
		return err
	}
	request, err := x.askChat(r)
	if err != nil {
		return err
	}
	jobs := x.jobs([]*base.Request{request}, r.N, w)
	if r.Stream {
		return x.streamChat(ctx, r, jobs, w)
	}
	outcomes, err := x.do(ctx, jobs, w, func(int, string) error { return nil })
	if err != nil {
		return err
	}
	answer := &openai.ChatCompletion{Head: x.head("chatcmpl-", openai.ObjectChat), Usage: x.usage(jobs, outcomes, r.N), Kvasir: w.detailsOf(outcomes...)}
	for i, job := range jobs {
		for _, choice := range job.choices {
			answer.Choices = append(answer.Choices, chatChoice(r, choice, outcomes[i].Result))
		}
	}
	return x.json(http.StatusOK, answer)
}

func (x *exchange) decodeChat() (*openai.ChatRequest, *openai.Error) {
	if x.server.options.Passing {
		return openai.DecodeChatPassing(x.body)
	}
	return openai.DecodeChat(x.body)
}

// askChat makes what a chat asks of the model.
func (x *exchange) askChat(r *openai.ChatRequest) (*base.Request, error) {
	request, err := x.ask(&r.Parameters)
	if err != nil {
		return nil, err
	}
	if x.server.options.Passing {
		for _, m := range r.Messages {
			request.Messages = append(request.Messages, base.Message{Role: m.Role, Content: m.Content})
		}
		request.Passed = passed(r.Passed)
		return request, request.Validate()
	}
	grammar, invalid := r.Constraint()
	if invalid != nil {
		return nil, invalid
	}
	request.Sampling.Grammar = grammar
	for _, turn := range r.Turns() {
		request.Messages = append(request.Messages, base.Message{Role: turn.Role, Content: turn.Content})
	}
	return request, request.Validate()
}

// passed are the fields that go to an upstream as they came.
func passed(fields []openai.Passed) (all []base.Passed) {
	for _, f := range fields {
		all = append(all, base.Passed{Message: f.Message, Name: f.Name, Value: string(f.Value)})
	}
	return all
}

func chatChoice(r *openai.ChatRequest, index int, result *base.Result) openai.ChatChoice {
	calls := r.Calls()
	text := calls.Read(result.Text)
	rest, called := calls.End()
	text += rest
	choice := openai.ChatChoice{Index: index, Message: openai.Reply{Role: openai.RoleAssistant, Content: &text}, FinishReason: string(result.FinishReason)}
	if len(called) > 0 {
		choice.FinishReason = finishOf(called, result.FinishReason)
		if strings.TrimSpace(text) == "" {
			choice.Message.Content = nil
		}
		for _, c := range called {
			choice.Message.ToolCalls = append(choice.Message.ToolCalls, toolCall(c))
		}
	}
	return choice
}

func finishOf(called []openai.FunctionCall, reason base.FinishReason) string {
	if len(called) > 0 && reason == base.FinishStop {
		return openai.FinishToolCalls
	}
	return string(reason)
}

func toolCall(c openai.FunctionCall) openai.ToolCall {
	id := c.ID
	if id == "" {
		id = newID("call_")
	}
	return openai.ToolCall{ID: id, Type: "function", Function: c}
}

// streamChat sends an answer in chunks.
func (x *exchange) streamChat(ctx context.Context, r *openai.ChatRequest, jobs []job, w *wishes) error {
	s := &chatStream{request: r, head: x.head("chatcmpl-", openai.ObjectChatChunk), jobs: jobs, readers: make([]*openai.CallReader, len(jobs))}
	for i := range jobs {
		s.readers[i] = r.Calls()
	}
	return x.stream(ctx, jobs, w, &r.Parameters, s)
}

// chatStream makes the chunks of a chat.
type chatStream struct {
	request *openai.ChatRequest
	head    openai.Head
	jobs    []job
	readers []*openai.CallReader // of each job
}

func (s *chatStream) chunk(choices ...openai.ChatDelta) *openai.ChatChunk {
	if choices == nil {
		choices = []openai.ChatDelta{}
	}
	c := &openai.ChatChunk{Head: s.head, Choices: choices}
	if s.request.IncludeUsage {
		c.Usage = json.RawMessage("null")
	}
	return c
}

func (s *chatStream) begin() (chunks []any) {
	empty := ""
	for _, job := range s.jobs {
		for _, choice := range job.choices {
			chunks = append(chunks, s.chunk(openai.ChatDelta{Index: choice, Delta: openai.Delta{Role: openai.RoleAssistant, Content: &empty}}))
		}
	}
	return chunks
}

func (s *chatStream) piece(i int, text string) (chunks []any) {
	return s.said(i, s.readers[i].Read(text))
}

func (s *chatStream) said(i int, text string) (chunks []any) {
	if text == "" {
		return nil
	}
	for _, choice := range s.jobs[i].choices {
		chunks = append(chunks, s.chunk(openai.ChatDelta{Index: choice, Delta: openai.Delta{Content: &text}}))
	}
	return chunks
}

func (s *chatStream) end(i int, o outcome, details any) (chunks []any) {
	rest, called := s.readers[i].End()
	chunks = s.said(i, rest)
	reason := finishOf(called, o.Result.FinishReason)
	for _, choice := range s.jobs[i].choices {
		for n, c := range called {
			delta := openai.Delta{ToolCalls: []openai.ToolCallDelta{{Index: n, ToolCall: toolCall(c)}}}
			chunks = append(chunks, s.chunk(openai.ChatDelta{Index: choice, Delta: delta}))
		}
		last := s.chunk(openai.ChatDelta{Index: choice, FinishReason: &reason})
		last.Kvasir = details
		chunks = append(chunks, last)
	}
	return chunks
}

func (s *chatStream) usage(u json.RawMessage) any {
	c := s.chunk()
	c.Usage = u
	return c
}
