package script

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/kvasir-cache/kvasir/hostapi"
)

func mustLoad(t testing.TB, source string) hostapi.Plugin {
	t.Helper()
	return mustLoadOptions(t, Options{Source: source, Name: "test.star"})
}

func mustLoadOptions(t testing.TB, o Options) hostapi.Plugin {
	t.Helper()
	p, err := Load(context.Background(), o)
	if err != nil {
		t.Fatalf("load: %v\n%s", err, o.Source)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// sampleEvent returns an event of a kind with every field of it set.
func sampleEvent(hook hostapi.Role) *hostapi.Event {
	e := &hostapi.Event{
		Hook: hook, Tenant: "acme", Model: "5f1e", Strategy: "default", Topic: "geo",
		Request: hostapi.Request{
			Prompt: "What is the capital of France?", PromptBytes: 30, System: "Be brief.", Messages: 2,
			MaxTokens: 100, Temperature: 0.5,
		},
	}
	switch hook {
	case hostapi.RoleOnHit, hostapi.RoleOnEvict:
		e.Entry = &hostapi.Entry{
			ID: "e1", Kind: "approx", Score: 0.97, Prompt: "what is the capital of france", Answer: "Paris.",
			Topic: "geo", Tags: []string{"a", "b"}, AgeMS: 7_200_000, TTLMS: 1000, Uses: 3, IdleMS: 50, CostMS: 812.5, Bytes: 2048,
		}
		e.Cause = "space"
	case hostapi.RoleOnMiss:
		e.Miss = &hostapi.Miss{Reason: "nothing alike"}
	case hostapi.RoleOnStore:
		e.Result = &hostapi.Result{Answer: "Paris.", FinishReason: "stop", PromptTokens: 12, CompletionTokens: 3, CostMS: 900}
	}
	return e
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}
