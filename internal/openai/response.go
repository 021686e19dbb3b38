package openai

import "encoding/json"

// Kinds of objects.
const (
	ObjectChat       = "chat.completion"
	ObjectChatChunk  = "chat.completion.chunk"
	ObjectCompletion = "text_completion"
)

// Reasons why an answer ended.
const (
	FinishStop      = "stop"
	FinishLength    = "length"
	FinishToolCalls = "tool_calls"
)

// Head is what all answers and chunks of one request share.
type Head struct {
	ID          string `json:"id"`
	Object      string `json:"object"`
	Created     int64  `json:"created"` // seconds since 1970
	Model       string `json:"model"`
	Fingerprint string `json:"system_fingerprint"`
}

// ChatCompletion is a whole answer to a ChatRequest.
type ChatCompletion struct {
	Head
	Choices []ChatChoice `json:"choices"`
	Usage   Usage        `json:"usage"`
	Kvasir  any          `json:"kvasir,omitempty"` // a Decision, or one for each prompt; where it was asked for
}

// ChatChoice is one of the answers.
type ChatChoice struct {
	Index        int       `json:"index"`
	Message      Reply     `json:"message"`
	Logprobs     *struct{} `json:"logprobs"`
	FinishReason string    `json:"finish_reason"`
}

// Reply is the assistant's message.
type Reply struct {
	Role      string     `json:"role"`
	Content   *string    `json:"content"`
	Refusal   *string    `json:"refusal"`
	ToolCalls []ToolCall `json:"tool_calls,omitempty"`
}

// ChatChunk is a piece of a streamed answer.
type ChatChunk struct {
	Head
	Choices []ChatDelta     `json:"choices"`
	Usage   json.RawMessage `json:"usage,omitempty"` // null before the last, where usage is included
	Kvasir  any             `json:"kvasir,omitempty"`
}

// ChatDelta is what a chunk adds to a choice.
type ChatDelta struct {
	Index        int       `json:"index"`
	Delta        Delta     `json:"delta"`
	Logprobs     *struct{} `json:"logprobs"`
	FinishReason *string   `json:"finish_reason"`
}

// Delta adds to the assistant's message.
type Delta struct {
	Role      string          `json:"role,omitempty"`
	Content   *string         `json:"content,omitempty"`
	ToolCalls []ToolCallDelta `json:"tool_calls,omitempty"`
}

// ToolCallDelta is a tool call in a stream. It comes whole.
type ToolCallDelta struct {
	Index int `json:"index"`
	ToolCall
}

// Completion is a whole answer to a CompletionRequest, or a chunk of it.
type Completion struct {
	Head
	Choices []TextChoice    `json:"choices"`
	Usage   json.RawMessage `json:"usage,omitempty"`
	Kvasir  any             `json:"kvasir,omitempty"`
}

// TextChoice is one of the answers, or what a chunk adds to it.
type TextChoice struct {
	Index        int       `json:"index"`
	Text         string    `json:"text"`
	Logprobs     *struct{} `json:"logprobs"`
	FinishReason *string   `json:"finish_reason"`
}

// Usage counts tokens.
type Usage struct {
	PromptTokens     int           `json:"prompt_tokens"`
	CompletionTokens int           `json:"completion_tokens"`
	TotalTokens      int           `json:"total_tokens"`
	PromptDetails    PromptDetails `json:"prompt_tokens_details"`
}

// PromptDetails says how many tokens of a prompt needed not be read.
type PromptDetails struct {
	CachedTokens int `json:"cached_tokens"`
}

// Add adds the usage of another prompt.
func (u *Usage) Add(prompt, completion, cached int) {
	u.PromptTokens += prompt
	u.CompletionTokens += completion
	u.TotalTokens += prompt + completion
	u.PromptDetails.CachedTokens += cached
}

// Decision says what the cache did with a prompt.
type Decision struct {
	Action  string   `json:"action"`
	Kind    string   `json:"kind,omitempty"`
	Score   float64  `json:"score"`
	Reason  string   `json:"reason"`
	AgeS    *float64 `json:"age_s,omitempty"`
	SavedMS float64  `json:"saved_ms"`
}

// Model describes a model.
type Model struct {
	ID      string `json:"id"`
	Object  string `json:"object"` // "model"
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

// ModelList is the answer to GET /v1/models.
type ModelList struct {
	Object string  `json:"object"` // "list"
	Data   []Model `json:"data"`
}
