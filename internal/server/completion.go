package server

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/openai"
)

// completion answers POST /v1/completions.
func completion(ctx context.Context, x *exchange) error {
	r, invalid := x.decodeCompletion()
	if invalid != nil {
		return invalid
	}
	w, err := x.wishes(&r.Kvasir)
	if err != nil {
		return err
	}
	requests, err := x.askCompletion(r)
	if err != nil {
		return err
	}
	jobs := x.jobs(requests, r.N, w)
	s := &textStream{request: r, head: x.head("cmpl-", openai.ObjectCompletion), jobs: jobs}
	if r.Stream {
		return x.stream(ctx, jobs, w, &r.Parameters, s)
	}
	outcomes, err := x.do(ctx, jobs, w, func(int, string) error { return nil })
	if err != nil {
		return err
	}
	usage, err := json.Marshal(x.usage(jobs, outcomes, r.N))
	if err != nil {
		return err
	}
	answer := &openai.Completion{Head: s.head, Usage: usage, Kvasir: w.detailsOf(outcomes...)}
	for i, job := range jobs {
		reason := string(outcomes[i].Result.FinishReason)
		for _, choice := range job.choices {
			answer.Choices = append(answer.Choices, openai.TextChoice{Index: choice, Text: outcomes[i].Result.Text, FinishReason: &reason})
		}
	}
	return x.json(http.StatusOK, answer)
}

func (x *exchange) decodeCompletion() (*openai.CompletionRequest, *openai.Error) {
	if x.server.options.Passing {
		return openai.DecodeCompletionPassing(x.body)
	}
	return openai.DecodeCompletion(x.body)
}

// askCompletion makes what each prompt asks of the model.
func (x *exchange) askCompletion(r *openai.CompletionRequest) ([]*base.Request, error) {
	var requests []*base.Request
	for _, p := range r.Prompts {
		request, err := x.ask(&r.Parameters)
		if err != nil {
			return nil, err
		}
		request.Prompt, request.Tokens = p.Text, p.Tokens
		request.Passed = passed(r.Passed)
		if err := request.Validate(); err != nil {
			return nil, err
		}
		requests = append(requests, request)
	}
	return requests, nil
}

// textStream makes the chunks of a text completion.
type textStream struct {
	request *openai.CompletionRequest
	head    openai.Head
	jobs    []job
}

func (s *textStream) chunk(choices ...openai.TextChoice) *openai.Completion {
	if choices == nil {
		choices = []openai.TextChoice{}
	}
	c := &openai.Completion{Head: s.head, Choices: choices}
	if s.request.IncludeUsage {
		c.Usage = json.RawMessage("null")
	}
	return c
}

func (s *textStream) begin() []any { return nil }

func (s *textStream) piece(i int, text string) (chunks []any) {
	if text == "" {
		return nil
	}
	for _, choice := range s.jobs[i].choices {
		chunks = append(chunks, s.chunk(openai.TextChoice{Index: choice, Text: text}))
	}
	return chunks
}

func (s *textStream) end(i int, o outcome, details any) (chunks []any) {
	reason := string(o.Result.FinishReason)
	for _, choice := range s.jobs[i].choices {
		last := s.chunk(openai.TextChoice{Index: choice, FinishReason: &reason})
		last.Kvasir = details
		chunks = append(chunks, last)
	}
	return chunks
}

func (s *textStream) usage(u json.RawMessage) any {
	c := s.chunk()
	c.Usage = u
	return c
}
