package config

import (
	"encoding/json"
	"fmt"
)

// Setting is one setting as it counts, and why.
type Setting struct {
	Key string `json:"key"` // such as cache.max_entries
	// Value is a bool, int, float64, string, []string, or json.RawMessage with an object. Durations and
	// sizes are strings.
	Value  any    `json:"value"`
	Source string `json:"source"` // "default", "file line N" or "flag --x"
	Doc    string `json:"doc"`    // what it does, without a full stop
}

// Text returns the value as one would write it in the file.
func (s Setting) Text() string {
	switch v := s.Value.(type) {
	case string:
		return quoteTOML(v)
	case float64:
		return numberText(v)
	case []string:
		return listText(v)
	case json.RawMessage:
		return objectText(v)
	}
	return fmt.Sprint(s.Value)
}

// Explain lists every setting in the order of cache.toml; of the roles of a script, those it has. Paths
// are given as they are seen from the working directory.
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
