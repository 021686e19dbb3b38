package openai

import (
	"encoding/json"
	"fmt"
)

// defaultMaxTokens is how long a text completion is that says nothing of it, as OpenAI documents.
const defaultMaxTokens = 16

// CompletionRequest is the body of POST /v1/completions.
type CompletionRequest struct {
	Parameters
	Prompts []Prompt // one or more
	Passed  []Passed // of DecodeCompletionPassing
}

// Prompt is a text, or its tokens.
type Prompt struct {
	Text   string
	Tokens []int32 // nil where it is a text
}

// DecodeCompletion decodes and checks a request.
func DecodeCompletion(body []byte) (*CompletionRequest, *Error) {
	if err := check(body); err != nil {
		return nil, err
	}
	o := newObject(body)
	r := &CompletionRequest{}
	r.decode(o)
	var suffix string
	if o.text("suffix", &suffix); suffix != "" {
		o.fail(Unsupported("suffix", "text is only added behind the prompt"))
	}
	if _, ok := o.get("response_format"); ok {
		o.fail(Unsupported("response_format", "use /v1/chat/completions for it"))
	}
	if *o.err != nil {
		return nil, *o.err
	}
	return r, nil
}

func (r *CompletionRequest) decode(o *object) {
	r.Parameters.decode(o)
	if r.MaxTokens == 0 {
		r.MaxTokens = defaultMaxTokens
	}
	r.Prompts = o.prompts("prompt")
	refuseCompletion(o, r.N)
	if n := len(r.Prompts) * r.N; n > MaxChoices {
		o.fail(Invalid("n", "found %d choices of %d prompts each, want at most %d in all", r.N, len(r.Prompts), MaxChoices))
	}
}

func refuseCompletion(o *object, n int) {
	refuseLogprobs(o)
	var echo bool
	if o.boolean("echo", &echo); echo {
		o.fail(Unsupported("echo", "the prompt is not repeated"))
	}
	if best := o.whole("best_of", 1, MaxChoices); best != nil && int(*best) != n {
		o.fail(Unsupported("best_of", "choices are not compared, want as many as n"))
	}
}

// prompts takes a text, a list of texts, a list of tokens, or a list of those.
func (o *object) prompts(name string) []Prompt {
	raw, ok := o.get(name)
	if !ok {
		o.fail(missing(name, "a string, a list of strings, or tokens"))
		return nil
	}
	if kindOf(raw) == kindString {
		var text string
		o.text(name, &text)
		return o.notEmpty(name, []Prompt{{Text: text}})
	}
	list, ok := o.list(name)
	if !ok {
		return nil
	}
	if len(list) > 0 && kindOf(list[0]) == kindNumber {
		return []Prompt{{Tokens: o.tokens(name, list)}}
	}
	prompts := make([]Prompt, len(list))
	for i, raw := range list {
		path := fmt.Sprintf("%s[%d]", name, i)
		var tokens []json.RawMessage
		switch kindOf(raw) {
		case kindString:
			_ = json.Unmarshal(raw, &prompts[i].Text)
		case kindArray:
			_ = json.Unmarshal(raw, &tokens)
			prompts[i].Tokens = o.tokens(path, tokens)
		default:
			o.fail(wrongKind(path, "a string or a list of tokens", raw))
		}
	}
	return o.notEmpty(name, prompts)
}

func (o *object) notEmpty(name string, prompts []Prompt) []Prompt {
	if len(prompts) == 0 {
		o.fail(Invalid(name, "found an empty list, want at least one"))
	}
	for _, p := range prompts {
		if p.Text == "" && len(p.Tokens) == 0 {
			o.fail(Invalid(name, "found an empty text, want one that says something"))
		}
	}
	return prompts
}

func (o *object) tokens(path string, list []json.RawMessage) []int32 {
	tokens := make([]int32, len(list))
	for i, raw := range list {
		if kindOf(raw) != kindNumber {
			o.fail(wrongKind(fmt.Sprintf("%s[%d]", path, i), "the number of a token", raw))
			return nil
		}
		n, err := parseWhole(raw)
		if err != nil || n < 0 || n >= 1<<31 {
			o.fail(Invalid(fmt.Sprintf("%s[%d]", path, i), "found %s, want the number of a token", shorten(raw)))
			return nil
		}
		tokens[i] = int32(n)
	}
	return tokens
}
