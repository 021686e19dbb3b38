package script

import (
	"fmt"
	"math"

	"go.starlark.net/starlark"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// decision is a checked decision of one hook, as a script sees it: something to return.
type decision struct {
	hook hostapi.Role
	of   *hostapi.Decision
}

func (d *decision) String() string        { return "<decision>" }
func (d *decision) Type() string          { return "decision" }
func (d *decision) Freeze()               {} // it cannot change
func (d *decision) Truth() starlark.Bool  { return true }
func (d *decision) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: decision") }

// toDecision reads what a hook returned: None, a dict, or what a function such as reject gave.
func toDecision(hook hostapi.Role, v starlark.Value) (*hostapi.Decision, error) {
	switch v := v.(type) {
	case starlark.NoneType:
		return nil, nil
	case *decision:
		if v.hook == hook {
			return v.of, nil
		}
		return v.of, plain(v.of.Check(hook))
	case *starlark.Dict:
		return dictDecision(hook, v)
	}
	return nil, outputError("decision: got %s, want a dict, None or what a function such as reject returns", v.Type())
}

func dictDecision(hook hostapi.Role, dict *starlark.Dict) (*hostapi.Decision, error) {
	var d hostapi.Decision
	for k, v := range dict.Entries() {
		name, ok := starlark.AsString(k)
		if !ok {
			return nil, outputError("decision: got a key of type %s, want a text", k.Type())
		}
		if err := setField(&d, name, v); err != nil {
			return nil, err
		}
	}
	return &d, plain(d.Check(hook))
}

// setField sets the field that JSON calls name. None is no opinion.
func setField(d *hostapi.Decision, name string, v starlark.Value) error {
	field := fieldOf(d, name)
	if field == nil {
		return outputError("decision: unknown key %q", cutMessage(name))
	}
	if v == starlark.None {
		return nil
	}
	if want := assign(field, v); want != "" {
		return outputError("decision: %s is of type %s, want %s", name, v.Type(), want)
	}
	return nil
}

// fieldOf returns a pointer to the field that JSON calls name, nil if there is none.
func fieldOf(d *hostapi.Decision, name string) any {
	switch name {
	case "bypass":
		return &d.Bypass
	case "strategy":
		return &d.Strategy
	case "topic":
		return &d.Topic
	case "accept":
		return &d.Accept
	case "resume":
		return &d.Resume
	case "max_restored_tokens":
		return &d.MaxRestoredTokens
	case "store":
		return &d.Store
	case "ttl_ms":
		return &d.TTLMS
	case "tags":
		return &d.Tags
	case "save_state":
		return &d.SaveState
	case "keep":
		return &d.Keep
	case "reason":
		return &d.Reason
	}
	return nil
}

// assign sets what field points to, or says what it takes.
func assign(field any, v starlark.Value) (want string) {
	ok := false
	switch field := field.(type) {
	case **bool:
		var b starlark.Bool
		b, ok = v.(starlark.Bool)
		*field, want = (*bool)(&b), "True or False"
	case **string:
		var s string
		s, ok = starlark.AsString(v)
		*field, want = &s, "a text"
	case *string:
		*field, ok = starlark.AsString(v)
		want = "a text"
	case **int:
		var n int64
		n, ok = whole(v)
		i := int(n)
		*field, want = &i, "a whole number"
	case **int64:
		var n int64
		n, ok = whole(v)
		*field, want = &n, "a whole number"
	case *[]string:
		*field, ok = texts(v)
		want = "a list of texts"
	}
	if ok {
		return ""
	}
	return want
}

// whole reads a number without fraction, also one that was computed with fractions.
func whole(v starlark.Value) (int64, bool) {
	switch v := v.(type) {
	case starlark.Int:
		return v.Int64()
	case starlark.Float:
		f := float64(v)
		return int64(f), f == math.Trunc(f) && math.Abs(f) < 1<<53
	}
	return 0, false
}

// texts reads a list or tuple of texts, no longer than a check can then refuse.
func texts(v starlark.Value) ([]string, bool) {
	list, ok := v.(starlark.Indexable)
	if _, isText := v.(starlark.String); !ok || isText {
		return nil, false
	}
	all := make([]string, 0, min(list.Len(), hostapi.MaxTags+1))
	for i := range min(list.Len(), hostapi.MaxTags+1) {
		text, ok := starlark.AsString(list.Index(i))
		if !ok {
			return nil, false
		}
		all = append(all, text)
	}
	return all, true
}
