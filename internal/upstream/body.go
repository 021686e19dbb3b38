package upstream

import (
	"encoding/json"
	"math"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// object is an object of the body that is being made. Marshalled, its fields are in the order of their names.
type object map[string]json.RawMessage

func (o object) set(name string, value any) error {
	raw, err := json.Marshal(value)
	if err == nil {
		o[name] = raw
	}
	return err
}

// bodyOf returns where a request goes and what is sent. Fields that are passed on never take the place of what
// the request itself says.
func (h *Host) bodyOf(r *base.Request) (path string, body []byte, err error) {
	if err := r.Validate(); err != nil {
		return "", nil, err
	}
	o := object{}
	for _, p := range r.Passed {
		if p.Message == 0 {
			o[p.Name] = json.RawMessage(p.Value)
		}
	}
	fields := h.fieldsOf(r)
	switch {
	case len(r.Messages) > 0:
		path = "/chat/completions"
		fields["messages"] = messagesOf(r)
	case r.Prompt != "":
		path, fields["prompt"] = "/completions", r.Prompt
	default:
		path, fields["prompt"] = "/completions", r.Tokens
	}
	for name, value := range fields {
		if err := o.set(name, value); err != nil {
			return "", nil, err
		}
	}
	body, err = json.Marshal(o)
	return path, body, err
}

// fieldsOf are the fields that a request says in its own words. What is off is left out, since not every
// upstream knows every field; the temperature never is, since without one upstreams draw.
func (h *Host) fieldsOf(r *base.Request) map[string]any {
	s := &r.Sampling
	fields := map[string]any{
		"model": h.options.Model, "stream": true, "stream_options": map[string]bool{"include_usage": true}, "temperature": s.Temperature,
	}
	put := func(name string, is bool, value any) {
		if is {
			fields[name] = value
		}
	}
	put(limitName(r), r.MaxTokens > 0, r.MaxTokens)
	put("stop", len(r.Stop) > 0, r.Stop)
	put("top_p", s.TopP != 0, s.TopP)
	put("top_k", s.TopK != 0, s.TopK)
	put("min_p", s.MinP != 0, s.MinP)
	put("repeat_penalty", s.RepeatPenalty != 0, s.RepeatPenalty)
	put("repeat_last_n", s.RepeatLastN != 0, s.RepeatLastN)
	put("frequency_penalty", s.FrequencyPenalty != 0, s.FrequencyPenalty)
	put("presence_penalty", s.PresencePenalty != 0, s.PresencePenalty)
	put("seed", s.Seed != nil, s.Seed)
	put("grammar", s.Grammar != "", s.Grammar)
	put("logit_bias", len(s.LogitBias) > 0, biasOf(s.LogitBias))
	return fields
}

const newLimit = "max_completion_tokens"

// limitName is what the client calls the limit on tokens: some upstreams know one name only.
func limitName(r *base.Request) string {
	for _, p := range r.Passed {
		if p.Message == 0 && p.Name == newLimit {
			return newLimit
		}
	}
	return "max_tokens"
}

// biasOf adds up the biases of a token, and writes those that forbid it as OpenAI does.
func biasOf(list []base.LogitBias) map[base.Token]float32 {
	biases := map[base.Token]float32{}
	for _, b := range list {
		biases[b.Token] += b.Bias
	}
	for token, bias := range biases {
		if math.IsInf(float64(bias), -1) {
			biases[token] = -100
		}
	}
	return biases
}

func messagesOf(r *base.Request) []object {
	all := make([]object, len(r.Messages))
	for i, m := range r.Messages {
		all[i] = object{}
		_ = all[i].set("role", m.Role) // texts can always be written
		_ = all[i].set("content", m.Content)
	}
	for _, p := range r.Passed {
		if p.Message > 0 && p.Name != "role" {
			all[p.Message-1][p.Name] = json.RawMessage(p.Value)
		}
	}
	return all
}
