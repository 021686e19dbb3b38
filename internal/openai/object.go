package openai

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// MaxDepth is how deep lists and objects of a body may nest.
const MaxDepth = 64

// check refuses a body that is no JSON object, or one that is not to be looked at any closer.
func check(body []byte) *Error {
	switch {
	case !utf8.Valid(body):
		return invalid("", "", "the body is not valid UTF-8")
	case depth(body) > MaxDepth:
		return invalid("", "", "the body nests deeper than %d levels", MaxDepth)
	case !json.Valid(body):
		return invalid("", "", "the body is not valid JSON")
	case kindOf(body) != kindObject:
		return invalid("", "", "the body is %s, want an object", kindOf(body))
	}
	return nil
}

// depth returns how deep lists and objects of a text nest, whether or not it is JSON.
func depth(text []byte) int {
	now, deepest, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

// Kinds of JSON values, as errors name them.
const (
	kindObject  = "an object"
	kindArray   = "a list"
	kindString  = "a string"
	kindNumber  = "a number"
	kindBoolean = "a boolean"
	kindNull    = "null"
)

// kindOf says what a valid value is.
func kindOf(raw []byte) string {
	for _, c := range raw {
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		case '{':
			return kindObject
		case '[':
			return kindArray
		case '"':
			return kindString
		case 't', 'f':
			return kindBoolean
		case 'n':
			return kindNull
		}
		return kindNumber
	}
	return kindNull
}

// object is an object of a request that is being decoded. It keeps the first mistake and lets the rest go by.
// Names count as they are written: encoding/json would take "Model" for "model".
type object struct {
	path   string // in the body; empty for the body itself
	fields map[string]json.RawMessage
	err    **Error
}

// newObject opens a valid body.
func newObject(body []byte) *object {
	o := &object{err: new(*Error)}
	_ = json.Unmarshal(body, &o.fields)
	return o
}

func (o *object) at(name string) string {
	if o.path == "" {
		return name
	}
	return o.path + "." + name
}

func (o *object) fail(err *Error) {
	if *o.err == nil {
		*o.err = err
	}
}

// get returns a field. null counts as missing.
func (o *object) get(name string) (json.RawMessage, bool) {
	raw, ok := o.fields[name]
	return raw, ok && kindOf(raw) != kindNull
}

// take returns a field that is of a kind, and refuses one that is not.
func (o *object) take(name, kind string) (json.RawMessage, bool) {
	raw, ok := o.get(name)
	if ok && kindOf(raw) != kind {
		o.fail(wrongKind(o.at(name), kind, raw))
		return nil, false
	}
	return raw, ok
}

func wrongKind(path, want string, found []byte) *Error {
	return invalid(path, CodeInvalidType, "%s: found %s, want %s", path, kindOf(found), want)
}

func (o *object) text(name string, p *string) bool {
	raw, ok := o.take(name, kindString)
	if ok {
		_ = json.Unmarshal(raw, p)
	}
	return ok
}

func (o *object) boolean(name string, p *bool) bool {
	raw, ok := o.take(name, kindBoolean)
	if ok {
		_ = json.Unmarshal(raw, p)
	}
	return ok
}

// number takes a number from low to high.
func (o *object) number(name string, low, high float64) *float64 {
	raw, ok := o.take(name, kindNumber)
	if !ok {
		return nil
	}
	x, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || x < low || x > high {
		o.fail(Invalid(o.at(name), "found %s, want a number from %v to %v", shorten(raw), low, high))
		return nil
	}
	return &x
}

// whole takes a whole number from low to high.
func (o *object) whole(name string, low, high int64) *int64 {
	raw, ok := o.take(name, kindNumber)
	if !ok {
		return nil
	}
	n, err := parseWhole(raw)
	if err != nil || n < low || n > high {
		o.fail(Invalid(o.at(name), "found %s, want a whole number from %d to %d", shorten(raw), low, high))
		return nil
	}
	return &n
}

// parseWhole also reads 1.0 and 1e3, which some encoders write.
func parseWhole(raw []byte) (int64, error) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err == nil {
		return n, nil
	}
	x, errFloat := strconv.ParseFloat(string(raw), 64)
	if errFloat != nil || x != math.Trunc(x) || math.Abs(x) > 1<<53 {
		return 0, err
	}
	return int64(x), nil
}

// object opens an object within.
func (o *object) object(name string) (*object, bool) {
	raw, ok := o.take(name, kindObject)
	if !ok {
		return nil, false
	}
	return o.open(o.at(name), raw), true
}

func (o *object) open(path string, raw json.RawMessage) *object {
	child := &object{path: path, err: o.err}
	_ = json.Unmarshal(raw, &child.fields)
	return child
}

// objects opens a list of objects.
func (o *object) objects(name string) ([]*object, bool) {
	list, ok := o.list(name)
	var all []*object
	for i, raw := range list {
		path := fmt.Sprintf("%s[%d]", o.at(name), i)
		if kindOf(raw) != kindObject {
			o.fail(wrongKind(path, kindObject, raw))
			return nil, false
		}
		all = append(all, o.open(path, raw))
	}
	return all, ok
}

func (o *object) list(name string) (list []json.RawMessage, ok bool) {
	raw, ok := o.take(name, kindArray)
	if ok {
		_ = json.Unmarshal(raw, &list)
	}
	return list, ok
}

// shorten returns a value as an error shows it.
func shorten(raw []byte) string {
	const most = 40
	if text := []rune(string(raw)); len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(raw)
}
