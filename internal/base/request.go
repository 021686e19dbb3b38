package base

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// Token is a token id of the loaded model's vocabulary.
type Token = int32

// Roles of a Message.
const (
	RoleSystem    = "system"
	RoleUser      = "user"
	RoleAssistant = "assistant"
)

// Message is one turn of a conversation. Content is UTF-8.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Request is what a client asks: a prompt and the parameters that shape its answer.
//
// Exactly one of Messages, Prompt and Tokens holds the prompt. Messages go through the model's chat
// template; Prompt is tokenized as it stands, with the model's usual beginning-of-text token;
// Tokens are taken verbatim.
type Request struct {
	Messages []Message
	Prompt   string
	Tokens   []Token

	// MaxTokens bounds the answer, in tokens; 0 means whatever the context leaves room for.
	MaxTokens int
	// Stop holds strings that end the answer. The one that matched is not part of it.
	Stop []string

	Sampling Sampling

	// Passed are fields for an upstream, each at most once. Their order does not count.
	Passed []Passed `json:",omitempty"`
}

// Sampling says how the next token is chosen. The zero value is greedy: the likeliest token,
// always the same.
type Sampling struct {
	// Temperature divides the logits; 0 is greedy.
	Temperature float32
	// TopK keeps the k likeliest tokens; 0 keeps all.
	TopK int
	// TopP keeps the smallest set of tokens whose probability reaches p; 0 or 1 keeps all.
	TopP float32
	// MinP drops tokens less likely than p times the likeliest; 0 drops none.
	MinP float32
	// RepeatPenalty divides the logits of recent tokens; 0 or 1 is off.
	RepeatPenalty float32
	// RepeatLastN is how many recent tokens the penalties look at; 0 means 64.
	RepeatLastN int
	// FrequencyPenalty is subtracted once for each recent use of a token.
	FrequencyPenalty float32
	// PresencePenalty is subtracted once from every token used recently.
	PresencePenalty float32
	// LogitBias is added to the logits before anything else.
	LogitBias []LogitBias
	// Seed makes a sampled answer repeatable; nil draws a new one for every request.
	Seed *uint32
	// Grammar constrains the answer, in GBNF with a rule named root; empty is off.
	Grammar string
}

// LogitBias adds Bias to the logit of Token. A bias of -Inf forbids the token.
type LogitBias struct {
	Token Token
	Bias  float32
}

// MarshalJSON writes a bias of -Inf, which JSON has no number for, as null.
func (b LogitBias) MarshalJSON() ([]byte, error) {
	wire := wireBias{Token: b.Token}
	if !math.IsInf(float64(b.Bias), -1) {
		wire.Bias = &b.Bias
	}
	return json.Marshal(wire)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (b *LogitBias) UnmarshalJSON(data []byte) error {
	var wire wireBias
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	*b = LogitBias{Token: wire.Token, Bias: float32(math.Inf(-1))}
	if wire.Bias != nil {
		b.Bias = *wire.Bias
	}
	return nil
}

type wireBias struct {
	Token Token
	Bias  *float32
}

// Limits on what a request may carry; past them a request is a mistake or an attack.
const (
	MaxStopStrings = 64
	MaxStopBytes   = 1024
	MaxLogitBias   = 4096
	MaxGrammar     = 256 << 10 // bytes
	// MaxGrammarDepth is how deep groups of a grammar may nest; llama.cpp's parser recurses on each.
	MaxGrammarDepth = 100

	maxBias = 1e6 // logits are of the order of ten
)

// Validate reports every problem of r together, each wrapped so that errors.Is(err, ErrInvalid).
// It knows nothing of the model; the host checks what depends on it.
func (r *Request) Validate() error {
	var problems []error
	bad := func(format string, args ...any) {
		problems = append(problems, &Error{Sentinel: ErrInvalid, Message: fmt.Sprintf(format, args...)})
	}
	forms := 0
	for _, set := range []bool{len(r.Messages) > 0, r.Prompt != "", len(r.Tokens) > 0} {
		if set {
			forms++
		}
	}
	switch {
	case forms == 0:
		bad("the prompt is empty")
	case forms > 1:
		bad("a request holds one of messages, prompt and tokens, not %d of them", forms)
	}
	for i, m := range r.Messages {
		if !utf8.ValidString(m.Role) || !utf8.ValidString(m.Content) {
			bad("message %d is not valid UTF-8", i)
		}
		if m.Role == "" {
			bad("message %d has no role", i)
		}
	}
	if !utf8.ValidString(r.Prompt) {
		bad("the prompt is not valid UTF-8")
	}
	if r.MaxTokens < 0 {
		bad("max tokens is %d; it must not be negative", r.MaxTokens)
	}
	if len(r.Stop) > MaxStopStrings {
		bad("%d stop strings; at most %d are allowed", len(r.Stop), MaxStopStrings)
	}
	for i, s := range r.Stop {
		if s == "" || len(s) > MaxStopBytes || !utf8.ValidString(s) {
			bad("stop string %d must be 1 to %d bytes of UTF-8", i, MaxStopBytes)
		}
	}
	if len(r.Passed) > MaxPassed {
		bad("%d fields to pass on; at most %d are allowed", len(r.Passed), MaxPassed)
	}
	for _, p := range r.Passed {
		if !p.valid(len(r.Messages)) {
			bad("the field %.80q cannot be passed on", p.Name)
		}
	}
	return errors.Join(append(problems, r.Sampling.problems()...)...)
}

func (s *Sampling) problems() []error {
	var problems []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, &Error{Sentinel: ErrInvalid, Message: fmt.Sprintf(format, args...)})
		}
	}
	within := func(v, low, high float32) bool { return v >= low && v <= high } // false for NaN
	check(s.Temperature == 0 || within(s.Temperature, 0.001, 100), "temperature is %v; it must be 0, or between 0.001 and 100", s.Temperature)
	check(s.TopK >= 0 && s.TopK <= math.MaxInt32, "top-k is %d; it must not be negative", s.TopK)
	check(within(s.TopP, 0, 1), "top-p is %v; it must be between 0 and 1", s.TopP)
	check(within(s.MinP, 0, 1), "min-p is %v; it must be between 0 and 1", s.MinP)
	check(s.RepeatPenalty == 0 || within(s.RepeatPenalty, 0.01, 100), "repeat penalty is %v; it must be 0, or between 0.01 and 100", s.RepeatPenalty)
	check(s.RepeatLastN >= 0 && s.RepeatLastN <= math.MaxInt32, "repeat last n is %d; it must not be negative", s.RepeatLastN)
	check(within(s.FrequencyPenalty, -100, 100), "frequency penalty is %v; it must be between -100 and 100", s.FrequencyPenalty)
	check(within(s.PresencePenalty, -100, 100), "presence penalty is %v; it must be between -100 and 100", s.PresencePenalty)
	check(len(s.LogitBias) <= MaxLogitBias, "%d logit biases; at most %d are allowed", len(s.LogitBias), MaxLogitBias)
	for _, b := range s.LogitBias {
		check(math.IsInf(float64(b.Bias), -1) || within(b.Bias, -maxBias, maxBias), "logit bias of token %d is %v; it must be between -%g and %g, or -Inf", b.Token, b.Bias, maxBias, maxBias)
	}
	check(len(s.Grammar) <= MaxGrammar, "the grammar has %d bytes; at most %d are allowed", len(s.Grammar), MaxGrammar)
	check(utf8.ValidString(s.Grammar), "the grammar is not valid UTF-8")
	check(grammarDepth(s.Grammar) <= MaxGrammarDepth, "the grammar nests groups deeper than %d", MaxGrammarDepth)
	return problems
}
