package main

import (
	"encoding/json"
	"io"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// runOutput is what kvasir run --json prints.
type runOutput struct {
	Answer       string            `json:"answer"`
	Decision     decisionOutput    `json:"decision"`
	FinishReason base.FinishReason `json:"finish_reason"`
	StopString   string            `json:"stop_string,omitempty"`
	Resume       *resumeOutput     `json:"resume,omitempty"`
	Usage        usageOutput       `json:"usage"`
	Timings      timingsOutput     `json:"timings"`
}

type decisionOutput struct {
	Action   base.Action `json:"action"`
	Kind     base.Kind   `json:"kind,omitempty"`
	Score    float64     `json:"score"`
	Reason   string      `json:"reason"`
	Entry    string      `json:"entry,omitempty"`
	Strategy string      `json:"strategy,omitempty"`
}

// resumeOutput says what saved state did for an inference, in tokens and milliseconds.
type resumeOutput struct {
	Matched  int         `json:"matched"` // tokens from the beginning of the prompt that are stored
	Restored int         `json:"restored"`
	Computed int         `json:"computed"`
	Restore  float64     `json:"restore_ms"`
	Prefill  float64     `json:"prefill_ms"`
	Origin   base.Origin `json:"origin,omitempty"`
	Reason   string      `json:"reason"` // why not more
}

func resumeOf(r *engine.Resume) *resumeOutput {
	if r == nil {
		return nil
	}
	return &resumeOutput{r.Stored, r.Restored, r.Computed, milliseconds(r.Restore), milliseconds(r.Prefill), r.Origin, r.Reason}
}

type usageOutput struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

// timingsOutput is in milliseconds. Queue, prefill and decode are 0 when the model was not asked.
type timingsOutput struct {
	Lookup  float64 `json:"lookup_ms"`
	Load    float64 `json:"load_ms"` // starting the inference host and loading the model
	Queue   float64 `json:"queue_ms"`
	Prefill float64 `json:"prefill_ms"`
	Decode  float64 `json:"decode_ms"`
	Total   float64 `json:"total_ms"`
	Saved   float64 `json:"saved_ms"` // what the inference had cost, less what serving took
}

func printJSON(w io.Writer, a *engine.Answer, loaded, total time.Duration) error {
	r := a.Result
	spent := r.Timings
	if a.Action == base.ActionAnswer {
		spent = base.Timings{}
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out.Encode(runOutput{
		Answer: r.Text, FinishReason: r.FinishReason, StopString: r.StopString,
		Decision: decisionOutput{a.Action, a.Kind, a.Score, a.Reason, a.Entry, a.Strategy},
		Resume:   resumeOf(a.Resume),
		Usage:    usageOutput{r.Usage.PromptTokens, r.Usage.CompletionTokens, r.Usage.PromptTokens + r.Usage.CompletionTokens},
		Timings: timingsOutput{
			Lookup: milliseconds(a.Lookup), Load: milliseconds(loaded), Queue: milliseconds(spent.Queue),
			Prefill: milliseconds(spent.Prefill), Decode: milliseconds(spent.Decode),
			Total: milliseconds(total), Saved: milliseconds(a.Saved),
		},
	})
}

// describe names a decision in a few words.
func describe(d base.Decision) string {
	if d.Kind == base.KindNone {
		return string(d.Action)
	}
	return string(d.Action) + " (" + string(d.Kind) + ")"
}

// milliseconds rounds to microseconds.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
