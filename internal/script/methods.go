package script

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// A methodCharge charges for a method of a built-in type before it is called.
type methodCharge func(a *account, x starlark.Value, args starlark.Tuple, kwargs []starlark.Tuple) error

// methods are all methods of all built-in types. Some names are those of several types; the charge then
// tells them apart. A method that a newer interpreter brings fails a test until it is here.
var methods = map[string]methodCharge{
	// lists
	"append": free,
	"extend": walkArgs(2),
	"index":  walkAll,
	"insert": moveElements,
	"remove": walkAll,
	"pop":    moveElements,
	// dicts
	"get":        walkArgs(0),
	"items":      perElement(2 * entry),
	"keys":       perElement(cell),
	"values":     perElement(cell),
	"popitem":    moveElements,
	"setdefault": walkArgs(0),
	"update":     walkArgs(8),
	"clear":      moveElements,
	// sets
	"add":                  walkArgs(0),
	"discard":              walkArgs(0),
	"difference":           walkBoth,
	"intersection":         walkBoth,
	"issubset":             walkBoth,
	"issuperset":           walkBoth,
	"symmetric_difference": walkBoth,
	"union":                walkBoth,
	// texts
	"capitalize":     copyText,
	"lower":          copyText,
	"title":          copyText,
	"upper":          copyText,
	"count":          walkAll,
	"find":           walkAll,
	"rfind":          walkAll,
	"rindex":         walkAll,
	"startswith":     walkArgs(0),
	"endswith":       walkArgs(0),
	"removeprefix":   walkArgs(0),
	"removesuffix":   walkArgs(0),
	"isalnum":        walkAll,
	"isalpha":        walkAll,
	"isdigit":        walkAll,
	"islower":        walkAll,
	"isspace":        walkAll,
	"istitle":        walkAll,
	"isupper":        walkAll,
	"strip":          walkAll,
	"lstrip":         walkAll,
	"rstrip":         walkAll,
	"partition":      walkAll,
	"rpartition":     walkAll,
	"format":         chargeFields,
	"join":           chargeJoin,
	"replace":        chargeReplace,
	"split":          chargeSplit,
	"rsplit":         chargeSplit,
	"splitlines":     chargeSplit,
	"elems":          perElement(element),
	"elem_ords":      perElement(element),
	"codepoints":     perElement(element),
	"codepoint_ords": perElement(element),
}

// iterators are the methods whose results have no length. They give lists here, so that everything that
// can be walked over can be weighed.
var iterators = map[string]bool{"elems": true, "elem_ords": true, "codepoints": true, "codepoint_ords": true}

func methodName(name string) string { return "operator ." + name }

// methodGuards are the guarded functions that stand for x.method(…): the first argument is x.
func methodGuards() starlark.StringDict {
	guards := starlark.StringDict{}
	for name := range methods {
		guards[methodName(name)] = starlark.NewBuiltin(name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return callMethod(t, args[0], name, args[1:], kwargs)
		})
	}
	return guards
}

func callMethod(t *starlark.Thread, x starlark.Value, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	method, err := methodOf(x, name)
	if err != nil {
		return nil, err
	}
	a := accountOf(t)
	if err := methods[name](a, x, args, kwargs); err != nil {
		return nil, err
	}
	result, err := method.CallInternal(t, args, kwargs)
	if err == nil && iterators[name] {
		return listOf(result.(starlark.Iterable)), nil
	}
	return result, err
}

func methodOf(x starlark.Value, name string) (*starlark.Builtin, error) {
	if owner, ok := x.(starlark.HasAttrs); ok {
		attr, err := owner.Attr(name)
		if method, ok := attr.(*starlark.Builtin); ok || err != nil {
			return method, err
		}
	}
	return nil, fmt.Errorf("%s has no .%s method", x.Type(), name)
}

func listOf(values starlark.Iterable) *starlark.List {
	iter := values.Iterate()
	defer iter.Done()
	var list []starlark.Value
	var v starlark.Value
	for iter.Next(&v) {
		list = append(list, v)
	}
	return starlark.NewList(list)
}

func free(*account, starlark.Value, starlark.Tuple, []starlark.Tuple) error { return nil }

// walkArgs charges for walking over the arguments, and for times as many bytes.
func walkArgs(times int64) methodCharge {
	return func(a *account, _ starlark.Value, args starlark.Tuple, kwargs []starlark.Tuple) error {
		weight, err := weighArgs(a, args, kwargs)
		if err != nil {
			return err
		}
		return a.take(times * weight)
	}
}

func weighArgs(a *account, args starlark.Tuple, kwargs []starlark.Tuple) (int64, error) {
	weight, err := a.weigh(args...)
	for _, pair := range kwargs {
		w, err := a.weigh(pair...)
		if err != nil {
			return 0, err
		}
		weight += w
	}
	return weight, err
}

func walkAll(a *account, x starlark.Value, args starlark.Tuple, kwargs []starlark.Tuple) error {
	if _, err := a.weigh(x); err != nil {
		return err
	}
	return walkArgs(1)(a, x, args, kwargs)
}

// walkBoth charges for an operation of sets that makes a new one.
func walkBoth(a *account, x starlark.Value, args starlark.Tuple, kwargs []starlark.Tuple) error {
	if err := a.take(8 * sizeOf(x)); err != nil {
		return err
	}
	return walkArgs(8)(a, x, args, kwargs)
}

func moveElements(a *account, x starlark.Value, args starlark.Tuple, kwargs []starlark.Tuple) error {
	if err := a.work(sizeOf(x) / 4); err != nil { // in the fastest way there is
		return err
	}
	return walkArgs(0)(a, x, args, kwargs)
}

func perElement(size int64) methodCharge {
	return func(a *account, x starlark.Value, _ starlark.Tuple, _ []starlark.Tuple) error {
		return a.takeTimes(int64(max(starlark.Len(x), 0)), size)
	}
}

func copyText(a *account, x starlark.Value, _ starlark.Tuple, _ []starlark.Tuple) error {
	return a.takeTimes(3, sizeOf(x)) // some letters grow when their case changes
}

// chargeFields charges for format.format(…), where a field may be written any number of times.
func chargeFields(a *account, x starlark.Value, args starlark.Tuple, kwargs []starlark.Tuple) error {
	weight, err := weighArgs(a, args, kwargs)
	if err != nil {
		return err
	}
	format, _ := x.(starlark.String)
	if err := a.take(2 * int64(len(format))); err != nil {
		return err
	}
	fields := strings.Count(string(format), "{")
	if strings.Count(string(format), "{}") == fields { // each argument at most once
		fields = 1
	}
	return a.write(int64(fields), weight)
}

func chargeJoin(a *account, x starlark.Value, args starlark.Tuple, kwargs []starlark.Tuple) error {
	weight, err := weighArgs(a, args, kwargs)
	if err != nil || len(args) == 0 {
		return err
	}
	if err := a.take(2 * weight); err != nil {
		return err
	}
	return a.takeTimes(int64(max(starlark.Len(args[0]), 0)), sizeOf(x))
}

func chargeReplace(a *account, x starlark.Value, args starlark.Tuple, kwargs []starlark.Tuple) error {
	if err := walkAll(a, x, args, kwargs); err != nil || len(args) < 2 {
		return err
	}
	text, _ := x.(starlark.String)
	old, _ := args[0].(starlark.String)
	with, _ := args[1].(starlark.String)
	if err := a.take(int64(len(text))); err != nil {
		return err
	}
	return a.takeTimes(int64(strings.Count(string(text), string(old))), int64(len(with)))
}

// chargeSplit charges for the pieces that a text can fall into. They share its bytes.
func chargeSplit(a *account, x starlark.Value, args starlark.Tuple, kwargs []starlark.Tuple) error {
	if err := walkAll(a, x, args, kwargs); err != nil {
		return err
	}
	text, _ := x.(starlark.String)
	n := int64(pieces(string(text), args))
	if err := a.work(2 * visit * n); err != nil {
		return err
	}
	return a.takeTimes(n, element)
}

func pieces(text string, args starlark.Tuple) int {
	if len(args) > 0 {
		if separator, ok := args[0].(starlark.String); ok && separator != "" {
			return strings.Count(text, string(separator)) + 1
		}
	}
	n := 1
	for i := 0; i < len(text); i++ {
		if c := text[i]; c <= ' ' || c >= utf8.RuneSelf { // all white space has one
			n++
		}
	}
	return n
}
