package conformance

import (
	"encoding/json"
	"strings"

	"github.com/kvasir-cache/kvasir/hostapi"
)

func encode(v any) ([]byte, error) { return json.Marshal(v) }

// event returns an ordinary event of a hook.
func event(hook hostapi.Role) *hostapi.Event {
	prompt := "What is the capital of Niger?"
	e := &hostapi.Event{
		Hook: hook, Tenant: "default", Model: "9f2c64", Strategy: "default",
		Request: hostapi.Request{Prompt: prompt, PromptBytes: len(prompt), Messages: 1},
	}
	entry := &hostapi.Entry{
		ID: "1f", Prompt: prompt, Answer: "Niamey.", Topic: "geo", Tags: []string{"africa"},
		AgeMS: 60_000, TTLMS: 3_540_000, Uses: 3, IdleMS: 1500, CostMS: 2640.5, Bytes: 412,
	}
	switch hook {
	case hostapi.RoleOnHit:
		entry.Kind, entry.Score = "approx", 0.9375
		e.Entry = entry
	case hostapi.RoleOnMiss:
		e.Miss = &hostapi.Miss{Reason: "no entry is like it"}
	case hostapi.RoleOnStore:
		e.Result = &hostapi.Result{Answer: "Niamey.", FinishReason: "stop", PromptTokens: 8, CompletionTokens: 3, CostMS: 812.25}
	case hostapi.RoleOnEvict:
		e.Entry, e.Cause = entry, "the cache holds more than cache-max entries"
	}
	return e
}

// events returns events of a hook: an ordinary one, one with as little as there can be, and one for each
// text as its prompt and answer.
func events(hook hostapi.Role, texts []string) []*hostapi.Event {
	bare := event(hook)
	bare.Tenant, bare.Model, bare.Strategy = "", "", ""
	bare.Request = hostapi.Request{}
	if bare.Entry != nil {
		bare.Entry = &hostapi.Entry{Kind: bare.Entry.Kind}
	}
	if bare.Miss != nil {
		bare.Miss = &hostapi.Miss{}
	}
	if bare.Result != nil {
		bare.Result = &hostapi.Result{}
	}
	all := []*hostapi.Event{event(hook), bare}
	for _, t := range append(texts, strings.Repeat("long ", hostapi.MaxEventText)) {
		all = append(all, about(hook, t))
	}
	return all
}

func about(hook hostapi.Role, text string) *hostapi.Event {
	e := event(hook)
	e.Request.Prompt, e.Request.PromptBytes = hostapi.Cut(text), len(text)
	e.Request.System, e.Request.Temperature, e.Request.MaxTokens = hostapi.Cut(text), 0.7, 100
	if e.Entry != nil {
		e.Entry.Prompt, e.Entry.Answer = hostapi.Cut(text), hostapi.Cut(text)
	}
	if e.Result != nil {
		e.Result.Answer = hostapi.Cut(text)
	}
	return e
}
