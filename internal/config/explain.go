package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Setting is one setting as it counts, and why.
type Setting struct {
	Key    string `json:"key"`    // such as cache.max_entries
	Value  any    `json:"value"`  // bool, int, float64 or string; durations are strings
	Source string `json:"source"` // "default", "file line N" or "flag --x"
	Doc    string `json:"doc"`    // what it does, without a full stop
}

// Text returns the value as one would write it in the file.
func (s Setting) Text() string {
	switch v := s.Value.(type) {
	case string:
		return quoteTOML(v)
	case float64:
		if text := strconv.FormatFloat(v, 'g', -1, 64); strings.ContainsAny(text, ".e") {
			return text
		}
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return fmt.Sprint(s.Value)
}

// Explain lists every setting in the order of cache.toml. Paths are given as they are seen from the
// working directory.
func (c *Config) Explain() []Setting {
	var settings []Setting
	c.tree().leaves(func(n *node) {
		settings = append(settings, Setting{Key: n.key, Value: n.value.get(), Source: c.sourceOf(n.key), Doc: n.doc})
	})
	return settings
}

func (c *Config) sourceOf(key string) string {
	from, given := c.origins[key]
	switch {
	case !given:
		return "default"
	case from.flag != "":
		return "flag " + from.flag
	}
	number, _ := c.source.line(from.at.start)
	return fmt.Sprintf("file line %d", number)
}

// quoteTOML returns text as a basic string of TOML.
func quoteTOML(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
