package server

import (
	"fmt"
	"math"
	"slices"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/openai"
)

// leastTemperature is the lowest that draws; less is greedy, which is what those who ask for it mean.
const leastTemperature = 0.001

// ask makes what a request asks of the model, but for its prompt.
func (x *exchange) ask(p *openai.Parameters) (*base.Request, error) {
	r := &base.Request{MaxTokens: p.MaxTokens, Stop: p.Stop, Sampling: x.server.sampling(p)}
	if most := x.caller.MaxTokens; most > 0 {
		if r.MaxTokens > most {
			return nil, openai.Invalid("max_tokens", "found %d, want at most %d", r.MaxTokens, most)
		}
		if r.MaxTokens == 0 {
			r.MaxTokens = most
		}
	}
	return r, nil
}

func (s *Server) sampling(p *openai.Parameters) base.Sampling {
	temperature := s.options.Temperature
	if p.Temperature != nil {
		temperature = *p.Temperature
	}
	if temperature < leastTemperature {
		temperature = 0
	}
	sampling := base.Sampling{
		Temperature: float32(temperature), TopK: p.TopK, TopP: number(p.TopP), MinP: number(p.MinP),
		RepeatPenalty: float32(p.RepeatPenalty), FrequencyPenalty: float32(p.FrequencyPenalty), PresencePenalty: float32(p.PresencePenalty),
		Grammar: p.Grammar,
	}
	if p.TopP != nil && *p.TopP == 0 { // the likeliest token alone, while 0 is off to the model
		sampling.TopP, sampling.TopK = 0, 1
		if s.options.Passing { // upstreams need not know top_k
			sampling.Temperature, sampling.TopK = 0, p.TopK
		}
	}
	if p.Seed != nil {
		seed := uint32(*p.Seed)
		sampling.Seed = &seed
	}
	for _, b := range p.LogitBias {
		bias := float32(b.Bias)
		if b.Bias == -100 { // never, says OpenAI
			bias = float32(math.Inf(-1))
		}
		sampling.LogitBias = append(sampling.LogitBias, base.LogitBias{Token: b.Token, Bias: bias})
	}
	return sampling
}

func number(p *float64) float32 {
	if p == nil {
		return 0
	}
	return float32(*p)
}

// job is one inference, or one stored answer, and the choices that it is.
type job struct {
	query   *engine.Query
	choices []int
}

// jobs makes what gives every prompt n choices. Greedy choices are all the same, so one will do; others are
// drawn, each by itself.
func (x *exchange) jobs(prompts []*base.Request, n int, w *wishes) []job {
	var jobs []job
	for i, r := range prompts {
		q := engine.Query{Tenant: x.caller.Name, Request: r, Topic: w.topic, Strategy: w.strategy, Control: w.Control}
		if n == 1 || r.Sampling.Temperature == 0 {
			all := job{query: &q}
			for choice := range n {
				all.choices = append(all.choices, i*n+choice)
			}
			jobs = append(jobs, all)
			continue
		}
		q.Control.Bypass = fmt.Sprintf("the request asks for %d choices, each drawn anew", n)
		for choice := range n {
			drawn := q
			drawn.Request = drawnAs(r, choice)
			jobs = append(jobs, job{query: &drawn, choices: []int{i*n + choice}})
		}
	}
	return jobs
}

// drawnAs returns a request with a seed for one of its choices.
func drawnAs(r *base.Request, choice int) *base.Request {
	drawn := *r
	if r.Sampling.Seed != nil {
		seed := *r.Sampling.Seed + uint32(choice)
		drawn.Sampling.Seed = &seed
	}
	drawn.Stop = slices.Clone(r.Stop)
	return &drawn
}
