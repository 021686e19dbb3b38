package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// value is the place of one setting in a Config, and what may stand there.
type value interface {
	// set takes a value as the TOML decoder gives it: bool, int64, float64, string, time.Time. It
	// says whether the value is allowed; if not, it changes nothing.
	set(v any) bool
	get() any
	want() string
}

// discreet is a value whose mistakes are not shown: a key may stand where only its name belongs.
type discreet interface {
	value
	discreet()
}

type boolValue struct{ p *bool }

func (b boolValue) get() any     { return *b.p }
func (b boolValue) want() string { return "true or false" }

func (b boolValue) set(v any) bool {
	x, ok := v.(bool)
	if ok {
		*b.p = x
	}
	return ok
}

// intValue is a whole number from low to high. With zero, 0 is allowed too.
type intValue struct {
	p         *int
	low, high int
	zero      bool
}

func (i intValue) get() any { return *i.p }

func (i intValue) want() string {
	return orZero(i.zero, fmt.Sprintf("a whole number from %d to %d", i.low, i.high))
}

func (i intValue) set(v any) bool {
	x, ok := v.(int64)
	ok = ok && (x >= int64(i.low) && x <= int64(i.high) || i.zero && x == 0)
	if ok {
		*i.p = int(x)
	}
	return ok
}

// numberValue is a number from low to high. With zero, 0 is allowed too; with notZero, it is not.
type numberValue struct {
	p             *float64
	low, high     float64
	zero, notZero bool
}

func (n numberValue) get() any { return *n.p }

func (n numberValue) want() string {
	text := fmt.Sprintf("a number from %v to %v", n.low, n.high)
	if n.notZero {
		return text + ", not 0"
	}
	return orZero(n.zero, text)
}

func (n numberValue) set(v any) bool {
	x, ok := v.(float64)
	if whole, isInt := v.(int64); isInt {
		x, ok = float64(whole), true
	}
	ok = ok && (x >= n.low && x <= n.high || n.zero && x == 0) && !(n.notZero && x == 0)
	if ok {
		*n.p = x + 0 // -0 becomes 0
	}
	return ok
}

func orZero(zero bool, text string) string {
	if zero {
		return "0 or " + text
	}
	return text
}

// choiceValue is one of a few words.
type choiceValue[S ~string] struct {
	p     *S
	words []S
}

func (c choiceValue[S]) get() any { return string(*c.p) }

func (c choiceValue[S]) want() string {
	quoted := make([]string, len(c.words))
	for i, word := range c.words {
		quoted[i] = strconv.Quote(string(word))
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

func (c choiceValue[S]) set(v any) bool {
	text, ok := v.(string)
	if !ok {
		return false
	}
	for _, word := range c.words {
		if text == string(word) {
			*c.p = word
			return true
		}
	}
	return false
}

// textValue is any text.
type textValue struct{ p *string }

func (t textValue) get() any     { return *t.p }
func (t textValue) want() string { return "a string" }

func (t textValue) set(v any) bool {
	x, ok := v.(string)
	if ok {
		*t.p = x
	}
	return ok
}

// typed is a path that is seen from the working directory, as a person types it.
type typed string

// pathValue is a path. One from the file is seen from the folder of the file; with program, a name
// without a slash is left for the PATH. With suffixes, it ends in one of them.
type pathValue struct {
	p        *string
	folder   string
	required bool
	program  bool
	suffixes []string
}

func (p pathValue) get() any { return *p.p }

func (p pathValue) want() string {
	text := "a path (~ is not expanded)"
	if len(p.suffixes) > 0 {
		text = "a path that ends in " + strings.Join(p.suffixes, " or ") + " (~ is not expanded)"
	}
	if p.required {
		return text
	}
	return text + ` or ""`
}

func (p pathValue) set(v any) bool {
	path, ok := v.(string)
	folder := p.folder
	if t, isTyped := v.(typed); isTyped {
		path, folder, ok = string(t), ".", true
	}
	if !ok || p.required && path == "" || !isPath(path) || path != "" && !p.endsWell(path) {
		return false
	}
	if !p.program || strings.Contains(path, "/") {
		path = inFolder(folder, path)
	}
	*p.p = path
	return true
}

func (p pathValue) endsWell(path string) bool {
	return len(p.suffixes) == 0 || slices.Contains(p.suffixes, filepath.Ext(path))
}

// isPath refuses control characters, and ~, which a shell would have replaced.
func isPath(path string) bool {
	return !strings.ContainsFunc(path, unicode.IsControl) && path != "~" && !strings.HasPrefix(path, "~/")
}

// durationValue is a time from low to high. With zero, 0 is allowed too.
type durationValue struct {
	p         *time.Duration
	low, high time.Duration
	zero      bool
}

func (d durationValue) get() any { return formatDuration(*d.p) }

func (d durationValue) want() string {
	text := fmt.Sprintf(`a duration with its unit, from "%s" to "%s"`, formatDuration(d.low), formatDuration(d.high))
	if d.zero {
		return `"0" or ` + text
	}
	return text
}

func (d durationValue) set(v any) bool {
	x, ok := v.(time.Duration)
	if text, isText := v.(string); isText {
		x, ok = parseDuration(text)
	}
	ok = ok && (x >= d.low && x <= d.high || d.zero && x == 0)
	if ok {
		*d.p = x
	}
	return ok
}
