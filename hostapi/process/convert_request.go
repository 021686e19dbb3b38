package process

import (
	"strconv"
	"time"

	pb "github.com/kvasir-cache/kvasir/hostapi/process/inferencepb"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// EncodeRequest returns r as it goes over the wire. It shares r's slices.
func EncodeRequest(r *Request) *pb.GenerateRequest {
	return &pb.GenerateRequest{
		Messages:  encodeMessages(r.Messages),
		Prompt:    r.Prompt,
		Tokens:    r.Tokens,
		MaxTokens: int64(r.MaxTokens),
		Stop:      r.Stop,
		Sampling:  encodeSampling(&r.Sampling),
	}
}

// DecodeRequest returns the request in m, which may be nil. It shares m's slices and does not
// validate: the result is as wrong as m was.
func DecodeRequest(m *pb.GenerateRequest) *Request {
	return &Request{
		Messages:  decodeMessages(m.GetMessages()),
		Prompt:    m.GetPrompt(),
		Tokens:    m.GetTokens(),
		MaxTokens: int(m.GetMaxTokens()),
		Stop:      m.GetStop(),
		Sampling:  decodeSampling(m.GetSampling()),
	}
}

// passesNothing refuses what only an upstream could make something of: a host would leave it out silently.
func passesNothing(r *Request) error {
	if len(r.Passed) == 0 {
		return nil
	}
	return &base.Error{Sentinel: base.ErrUnsupported, Message: "the field " + strconv.Quote(r.Passed[0].Name) + " is for an upstream, and this host is none"}
}

// each returns f of every element, and nil for none.
func each[A, B any](in []A, f func(A) B) []B {
	if len(in) == 0 {
		return nil
	}
	out := make([]B, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

func encodeMessages(in []base.Message) []*pb.Message {
	return each(in, func(m base.Message) *pb.Message { return &pb.Message{Role: m.Role, Content: m.Content} })
}

func decodeMessages(in []*pb.Message) []base.Message {
	return each(in, func(m *pb.Message) base.Message {
		return base.Message{Role: m.GetRole(), Content: m.GetContent()}
	})
}

func encodeSampling(s *base.Sampling) *pb.Sampling {
	return &pb.Sampling{
		Temperature:      s.Temperature,
		TopK:             int64(s.TopK),
		TopP:             s.TopP,
		MinP:             s.MinP,
		RepeatPenalty:    s.RepeatPenalty,
		RepeatLastN:      int64(s.RepeatLastN),
		FrequencyPenalty: s.FrequencyPenalty,
		PresencePenalty:  s.PresencePenalty,
		LogitBias: each(s.LogitBias, func(b base.LogitBias) *pb.LogitBias {
			return &pb.LogitBias{Token: b.Token, Bias: b.Bias}
		}),
		Seed:    s.Seed,
		Grammar: s.Grammar,
	}
}

func decodeSampling(m *pb.Sampling) base.Sampling {
	s := base.Sampling{
		Temperature:      m.GetTemperature(),
		TopK:             int(m.GetTopK()),
		TopP:             m.GetTopP(),
		MinP:             m.GetMinP(),
		RepeatPenalty:    m.GetRepeatPenalty(),
		RepeatLastN:      int(m.GetRepeatLastN()),
		FrequencyPenalty: m.GetFrequencyPenalty(),
		PresencePenalty:  m.GetPresencePenalty(),
		LogitBias: each(m.GetLogitBias(), func(b *pb.LogitBias) base.LogitBias {
			return base.LogitBias{Token: b.GetToken(), Bias: b.GetBias()}
		}),
		Grammar: m.GetGrammar(),
	}
	if m != nil {
		s.Seed = m.Seed // the getter would turn an absent seed into 0
	}
	return s
}

func encodeResult(r *base.Result) *pb.Result {
	return &pb.Result{
		Text:         r.Text,
		PromptTokens: r.PromptTokens,
		Tokens:       r.Tokens,
		FinishReason: string(r.FinishReason),
		StopString:   r.StopString,
		Restored:     int64(r.Restored),
		Usage:        encodeUsage(r.Usage),
		Timings: &pb.Timings{
			QueueNanoseconds:   int64(r.Timings.Queue),
			PrefillNanoseconds: int64(r.Timings.Prefill),
			DecodeNanoseconds:  int64(r.Timings.Decode),
			RestoreNanoseconds: int64(r.Timings.Restore),
		},
	}
}

func decodeResult(m *pb.Result) *base.Result {
	t := m.GetTimings()
	return &base.Result{
		Text:         m.GetText(),
		PromptTokens: m.GetPromptTokens(),
		Tokens:       m.GetTokens(),
		FinishReason: base.FinishReason(m.GetFinishReason()),
		StopString:   m.GetStopString(),
		Restored:     int(m.GetRestored()),
		Usage:        decodeUsage(m.GetUsage()),
		Timings: base.Timings{
			Queue:   time.Duration(t.GetQueueNanoseconds()),
			Prefill: time.Duration(t.GetPrefillNanoseconds()),
			Decode:  time.Duration(t.GetDecodeNanoseconds()),
			Restore: time.Duration(t.GetRestoreNanoseconds()),
		},
	}
}

func encodeUsage(u base.Usage) *pb.Usage {
	return &pb.Usage{PromptTokens: int64(u.PromptTokens), CompletionTokens: int64(u.CompletionTokens)}
}

func decodeUsage(m *pb.Usage) base.Usage {
	return base.Usage{PromptTokens: int(m.GetPromptTokens()), CompletionTokens: int(m.GetCompletionTokens())}
}

func encodeEmbeddings(e *base.Embeddings) *pb.EmbedResponse {
	vectors := each(e.Vectors, func(v []float32) *pb.Vector { return &pb.Vector{Values: v} })
	return &pb.EmbedResponse{Vectors: vectors, Usage: encodeUsage(e.Usage)}
}

func decodeEmbeddings(m *pb.EmbedResponse) *base.Embeddings {
	vectors := each(m.GetVectors(), func(v *pb.Vector) []float32 { return v.GetValues() })
	return &base.Embeddings{Vectors: vectors, Usage: decodeUsage(m.GetUsage())}
}
