package script

import (
	"fmt"
	"slices"

	"go.starlark.net/starlark"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// getters read the fields of a T, by the names they have in JSON.
type getters[T any] map[string]func(*T) starlark.Value

// view shows a Go struct to a script, which can read its fields and nothing else. Values are made when
// they are asked for, since a hook reads few of them.
type view[T any] struct {
	kind   string
	fields getters[T]
	of     *T
}

var _ starlark.HasAttrs = (*view[hostapi.Event])(nil)

func (v *view[T]) String() string        { return "<" + v.kind + ">" }
func (v *view[T]) Type() string          { return v.kind }
func (v *view[T]) Freeze()               {} // it cannot change
func (v *view[T]) Truth() starlark.Bool  { return true }
func (v *view[T]) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: %s", v.kind) }

func (v *view[T]) Attr(name string) (starlark.Value, error) {
	if get, ok := v.fields[name]; ok {
		return get(v.of), nil
	}
	return nil, nil
}

func (v *view[T]) AttrNames() []string {
	var names []string
	for name := range v.fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// show returns a view of a part of an event, None if the event has no such part.
func show[T any](kind string, fields getters[T], of *T) starlark.Value {
	if of == nil {
		return starlark.None
	}
	return &view[T]{kind, fields, of}
}

func showEvent(e *hostapi.Event) starlark.Value { return show("event", eventFields, e) }

var eventFields = getters[hostapi.Event]{
	"hook":     func(e *hostapi.Event) starlark.Value { return starlark.String(e.Hook) },
	"tenant":   func(e *hostapi.Event) starlark.Value { return starlark.String(e.Tenant) },
	"model":    func(e *hostapi.Event) starlark.Value { return starlark.String(e.Model) },
	"strategy": func(e *hostapi.Event) starlark.Value { return starlark.String(e.Strategy) },
	"topic":    func(e *hostapi.Event) starlark.Value { return starlark.String(e.Topic) },
	"request":  func(e *hostapi.Event) starlark.Value { return show("request", requestFields, &e.Request) },
	"entry":    func(e *hostapi.Event) starlark.Value { return show("entry", entryFields, e.Entry) },
	"miss":     func(e *hostapi.Event) starlark.Value { return show("miss", missFields, e.Miss) },
	"result":   func(e *hostapi.Event) starlark.Value { return show("result", resultFields, e.Result) },
	"cause":    func(e *hostapi.Event) starlark.Value { return starlark.String(e.Cause) },
}

var requestFields = getters[hostapi.Request]{
	"prompt":       func(r *hostapi.Request) starlark.Value { return starlark.String(r.Prompt) },
	"prompt_bytes": func(r *hostapi.Request) starlark.Value { return starlark.MakeInt(r.PromptBytes) },
	"system":       func(r *hostapi.Request) starlark.Value { return starlark.String(r.System) },
	"messages":     func(r *hostapi.Request) starlark.Value { return starlark.MakeInt(r.Messages) },
	"max_tokens":   func(r *hostapi.Request) starlark.Value { return starlark.MakeInt(r.MaxTokens) },
	"temperature":  func(r *hostapi.Request) starlark.Value { return starlark.Float(r.Temperature) },
}

var entryFields = getters[hostapi.Entry]{
	"id":      func(e *hostapi.Entry) starlark.Value { return starlark.String(e.ID) },
	"kind":    func(e *hostapi.Entry) starlark.Value { return starlark.String(e.Kind) },
	"score":   func(e *hostapi.Entry) starlark.Value { return starlark.Float(e.Score) },
	"prompt":  func(e *hostapi.Entry) starlark.Value { return starlark.String(e.Prompt) },
	"answer":  func(e *hostapi.Entry) starlark.Value { return starlark.String(e.Answer) },
	"topic":   func(e *hostapi.Entry) starlark.Value { return starlark.String(e.Topic) },
	"tags":    func(e *hostapi.Entry) starlark.Value { return stringList(e.Tags) },
	"age_ms":  func(e *hostapi.Entry) starlark.Value { return starlark.MakeInt64(e.AgeMS) },
	"ttl_ms":  func(e *hostapi.Entry) starlark.Value { return positiveOrNone(e.TTLMS) },
	"uses":    func(e *hostapi.Entry) starlark.Value { return starlark.MakeUint64(e.Uses) },
	"idle_ms": func(e *hostapi.Entry) starlark.Value { return starlark.MakeInt64(e.IdleMS) },
	"cost_ms": func(e *hostapi.Entry) starlark.Value { return starlark.Float(e.CostMS) },
	"bytes":   func(e *hostapi.Entry) starlark.Value { return starlark.MakeInt(e.Bytes) },
}

var missFields = getters[hostapi.Miss]{
	"reason": func(m *hostapi.Miss) starlark.Value { return starlark.String(m.Reason) },
}

var resultFields = getters[hostapi.Result]{
	"answer":            func(r *hostapi.Result) starlark.Value { return starlark.String(r.Answer) },
	"finish_reason":     func(r *hostapi.Result) starlark.Value { return starlark.String(r.FinishReason) },
	"prompt_tokens":     func(r *hostapi.Result) starlark.Value { return starlark.MakeInt(r.PromptTokens) },
	"completion_tokens": func(r *hostapi.Result) starlark.Value { return starlark.MakeInt(r.CompletionTokens) },
	"cost_ms":           func(r *hostapi.Result) starlark.Value { return starlark.Float(r.CostMS) },
}

// positiveOrNone gives None for a number that JSON leaves out when there is none.
func positiveOrNone(n int64) starlark.Value {
	if n == 0 {
		return starlark.None
	}
	return starlark.MakeInt64(n)
}

// stringList returns texts as a list that cannot be changed.
func stringList(texts []string) *starlark.List {
	values := make([]starlark.Value, len(texts))
	for i, t := range texts {
		values[i] = starlark.String(t)
	}
	list := starlark.NewList(values)
	list.Freeze()
	return list
}
