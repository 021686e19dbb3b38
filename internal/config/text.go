package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// objectText returns a JSON object as an inline table of TOML.
func objectText(object json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber() // its text means the same in TOML
	var table map[string]any
	if d.Decode(&table) != nil {
		return "{}"
	}
	return inlineText(table)
}

// inlineText returns what encoding/json decoded as a value of TOML in one line.
func inlineText(v any) string {
	var parts []string
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, keyText(name)+" = "+inlineText(v[name]))
		}
		if len(parts) == 0 {
			return "{}"
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case []any:
		for _, element := range v {
			parts = append(parts, inlineText(element))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		return quoteTOML(v)
	}
	return fmt.Sprint(v)
}

// keyText returns a part of a key, in quotes if it needs them.
func keyText(name string) string {
	if name == "" || strings.ContainsFunc(name, needsQuotes) {
		return quoteTOML(name)
	}
	return name
}

// listText returns texts as a list of TOML.
func listText(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = quoteTOML(text)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// numberText returns a number so that it stays one with a fraction.
func numberText(x float64) string {
	if text := strconv.FormatFloat(x, 'g', -1, 64); strings.ContainsAny(text, ".e") {
		return text
	}
	return strconv.FormatFloat(x, 'f', 1, 64)
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
