package snapshot

import (
	"time"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Record is an entry with all that makes it one, and nothing of the machine it was on: no keys, which depend
// on the salts of a store, no ids, and no normal forms, which the strategies make again.
type Record struct {
	Tenant       string            `json:"tenant,omitempty"`
	Model        string            `json:"model"` // id, in hex
	Request      Request           `json:"request"`
	Answer       string            `json:"answer"`
	AnswerBytes  []byte            `json:"answer_base64,omitempty"` // in place of Answer where that is no UTF-8
	FinishReason base.FinishReason `json:"finish_reason"`
	StopString   string            `json:"stop_string,omitempty"`
	PromptTokens []base.Token      `json:"prompt_tokens,omitempty"`
	Tokens       []base.Token      `json:"tokens,omitempty"` // of the answer
	Usage        base.Usage        `json:"usage"`
	Timings      Timings           `json:"timings"`
	Created      time.Time         `json:"created"`
	Expires      time.Time         `json:"expires,omitzero"` // the zero time is never
	Uses         uint64            `json:"uses,omitempty"`
	LastUse      time.Time         `json:"last_use,omitzero"`
	Pinned       bool              `json:"pinned,omitempty"`
	Topic        string            `json:"topic,omitempty"`
	Tags         []string          `json:"tags,omitempty"`
	Wrong        []Wrong           `json:"wrong,omitempty"` // prompts that the answer is wrong for
}

// Timings are where the time of an inference went, and what of it a hit saves, in nanoseconds.
type Timings struct {
	Queue   time.Duration `json:"queue_ns,omitempty"`
	Prefill time.Duration `json:"prefill_ns,omitempty"`
	Decode  time.Duration `json:"decode_ns,omitempty"`
	Cost    time.Duration `json:"cost_ns"`
}

// Wrong is a prompt that somebody said an answer is wrong for.
type Wrong struct {
	Prompt string    `json:"prompt"`
	When   time.Time `json:"when"`
}

// Request is a base.Request as an export has it. What has no effect is left out.
type Request struct {
	Messages         []base.Message `json:"messages,omitempty"`
	Prompt           string         `json:"prompt,omitempty"`
	Tokens           []base.Token   `json:"tokens,omitempty"`
	Stop             []string       `json:"stop,omitempty"`
	Temperature      float32        `json:"temperature,omitempty"`
	TopK             int            `json:"top_k,omitempty"`
	TopP             float32        `json:"top_p,omitempty"`
	MinP             float32        `json:"min_p,omitempty"`
	Seed             *uint32        `json:"seed,omitempty"`
	RepeatPenalty    float32        `json:"repeat_penalty,omitempty"`
	RepeatLastN      int            `json:"repeat_last_n,omitempty"`
	FrequencyPenalty float32        `json:"frequency_penalty,omitempty"`
	PresencePenalty  float32        `json:"presence_penalty,omitempty"`
	LogitBias        []Bias         `json:"logit_bias,omitempty"`
	Grammar          string         `json:"grammar,omitempty"`
}

// Bias is added to the logit of a token; null forbids it.
type Bias struct {
	Token base.Token `json:"token"`
	Bias  *float32   `json:"bias"`
}

// SetAnswer sets the answer, whatever bytes it has.
func (r *Record) SetAnswer(text string) {
	if utf8.ValidString(text) {
		r.Answer = text
	} else {
		r.AnswerBytes = []byte(text)
	}
}

// AnswerText returns what SetAnswer was given.
func (r *Record) AnswerText() string {
	if len(r.AnswerBytes) > 0 {
		return string(r.AnswerBytes)
	}
	return r.Answer
}
