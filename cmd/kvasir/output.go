package main

import (
	"encoding/json"
	"io"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// runOutput is what kvasir run --json prints.
type runOutput struct {
	Answer       string            `json:"answer"`
	FinishReason base.FinishReason `json:"finish_reason"`
	StopString   string            `json:"stop_string,omitempty"`
	Usage        usageOutput       `json:"usage"`
	Timings      timingsOutput     `json:"timings"`
}

type usageOutput struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

// timingsOutput is in milliseconds.
type timingsOutput struct {
	Load    float64 `json:"load_ms"` // starting the inference host and loading the model
	Queue   float64 `json:"queue_ms"`
	Prefill float64 `json:"prefill_ms"`
	Decode  float64 `json:"decode_ms"`
}

func printJSON(w io.Writer, r *base.Result, loaded time.Duration) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out.Encode(runOutput{
		Answer: r.Text, FinishReason: r.FinishReason, StopString: r.StopString,
		Usage: usageOutput{r.Usage.PromptTokens, r.Usage.CompletionTokens, r.Usage.PromptTokens + r.Usage.CompletionTokens},
		Timings: timingsOutput{
			Load: milliseconds(loaded), Queue: milliseconds(r.Timings.Queue),
			Prefill: milliseconds(r.Timings.Prefill), Decode: milliseconds(r.Timings.Decode),
		},
	})
}

// milliseconds rounds to microseconds.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
