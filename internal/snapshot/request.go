package snapshot

import (
	"math"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// RequestOf returns a request as an export has it. It shares memory with r.
func RequestOf(r *base.Request) Request {
	s := &r.Sampling
	out := Request{
		Messages: r.Messages, Prompt: r.Prompt, Tokens: r.Tokens, Stop: r.Stop,
		Temperature: s.Temperature, TopK: s.TopK, TopP: s.TopP, MinP: s.MinP, Seed: s.Seed,
		RepeatPenalty: s.RepeatPenalty, RepeatLastN: s.RepeatLastN,
		FrequencyPenalty: s.FrequencyPenalty, PresencePenalty: s.PresencePenalty, Grammar: s.Grammar,
	}
	for _, b := range s.LogitBias {
		bias := Bias{Token: b.Token}
		if !math.IsInf(float64(b.Bias), -1) {
			bias.Bias = new(b.Bias)
		}
		out.LogitBias = append(out.LogitBias, bias)
	}
	return out
}

// Base returns the request that RequestOf was given. It shares memory with r.
func (r *Request) Base() *base.Request {
	out := &base.Request{
		Messages: r.Messages, Prompt: r.Prompt, Tokens: r.Tokens, Stop: r.Stop,
		Sampling: base.Sampling{
			Temperature: r.Temperature, TopK: r.TopK, TopP: r.TopP, MinP: r.MinP, Seed: r.Seed,
			RepeatPenalty: r.RepeatPenalty, RepeatLastN: r.RepeatLastN,
			FrequencyPenalty: r.FrequencyPenalty, PresencePenalty: r.PresencePenalty, Grammar: r.Grammar,
		},
	}
	for _, b := range r.LogitBias {
		bias := base.LogitBias{Token: b.Token, Bias: float32(math.Inf(-1))}
		if b.Bias != nil {
			bias.Bias = *b.Bias
		}
		out.Sampling.LogitBias = append(out.Sampling.LogitBias, bias)
	}
	return out
}
