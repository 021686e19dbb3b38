package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// decode reads text as TOML and returns the keys in it, in order. The decoder's panics, which it
// keeps for mistakes of its own, become errors.
func decode(text string) (keys [][]string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the TOML decoder gave up: %q", fmt.Sprint(r))
		}
	}()
	var tree map[string]any
	meta, err := toml.Decode(text, &tree)
	if err != nil {
		return nil, err
	}
	for _, key := range meta.Keys() {
		keys = append(keys, key)
	}
	return keys, nil
}

// decodeScalar returns the value that text stands for, or nil if that is no value.
func decodeScalar(text string) (value any) {
	defer func() {
		if recover() != nil {
			value = nil
		}
	}()
	var tree map[string]any
	if _, err := toml.Decode("value = "+text, &tree); err != nil {
		return nil
	}
	return tree["value"]
}

// syntaxProblem says where text is not TOML.
func syntaxProblem(src *source, doc document, err error) Problem {
	var wrong toml.ParseError
	if !errors.As(err, &wrong) {
		return Problem{File: src.file, Message: err.Error()}
	}
	// Line and Col are not always right at the end of a text; Start is.
	at := span{wrong.Position.Start, wrong.Position.Start + wrong.Position.Len}
	if strings.Contains(wrong.Message, "already") {
		if p, ok := duplicateProblem(src, doc, at); ok {
			return p
		}
	}
	return src.problem(at, "", "not TOML: %s%s", sentence(wrong.Message), syntaxHint(wrong.Message))
}

// sentence makes a message of the decoder look like ours: it begins in lower case, unless with a word
// in capitals, and has no full stop.
func sentence(message string) string {
	first, width := utf8.DecodeRuneInString(message)
	if second, _ := utf8.DecodeRuneInString(message[width:]); !unicode.IsUpper(second) {
		message = string(unicode.ToLower(first)) + message[width:]
	}
	return string(printable(strings.TrimSuffix(message, ".")))
}

func syntaxHint(message string) string {
	if strings.HasPrefix(message, `expected value but found "`) {
		return "; text needs quotes, and the booleans are true and false"
	}
	return ""
}

// duplicateProblem explains an error at a key that is there already, by the place before it.
func duplicateProblem(src *source, doc document, at span) (Problem, bool) {
	places := doc.places()
	i := slices.IndexFunc(places, func(p place) bool { return p.at.start <= at.start && at.start < p.at.end })
	if i < 0 {
		return Problem{}, false
	}
	again := places[i]
	for _, same := range []func(a, b []string) bool{slices.Equal[[]string], overlap} {
		for j := i - 1; j >= 0; j-- {
			if same(places[j].key, again.key) {
				number, _ := src.line(places[j].at.start)
				key := dotted(again.key...)
				return src.problem(again.at, key, "%s is already set on line %d", key, number), true
			}
		}
	}
	return Problem{}, false
}

// overlap says whether one key begins with the other.
func overlap(a, b []string) bool {
	n := min(len(a), len(b))
	return slices.Equal(a[:n], b[:n])
}
