package openai

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// property is a property of an object, and the text of its rule.
type property struct {
	name     string
	rule     string
	required bool
}

func (s *schemas) object(c *schema) string {
	if c.has("maxProperties") {
		s.fail(Unsupported(c.at("maxProperties"), "an answer cannot be held to it"))
	}
	properties := s.properties(c)
	if len(properties) == 0 {
		return s.dictionary(c)
	}
	name := s.grammar.name()
	var required, optional []string
	for _, p := range properties {
		if p.required {
			required = append(required, p.rule)
		} else {
			optional = append(optional, p.rule)
		}
	}
	ws := s.grammar.use("ws")
	body := strings.Join(required, ` "," ws `)
	switch {
	case len(required) == 0:
		body = "( " + s.anyOf(optional) + " " + ws + " )?"
	default:
		for _, rule := range optional {
			body += ` ( "," ws ` + rule + " )?"
		}
		body += " " + ws
	}
	s.grammar.define(name, `"{" ws `+body+` "}"`)
	return name
}

// anyOf returns a rule for one or more of rules, in their order.
func (s *schemas) anyOf(rules []string) string {
	after := "" // the rule of what may follow
	var firsts []string
	for i := len(rules) - 1; i >= 0; i-- {
		firsts = append(firsts, strings.TrimSpace(rules[i]+" "+after))
		after = s.grammar.add(strings.TrimSpace(`( "," ws ` + rules[i] + " )? " + after))
	}
	slices.Reverse(firsts)
	return s.grammar.add(strings.Join(firsts, " | "))
}

// properties returns the properties that are listed, and those that are only required.
func (s *schemas) properties(c *schema) []property {
	var required []string
	if raw, ok := c.fields["required"]; ok && json.Unmarshal(raw, &required) != nil {
		s.fail(wrongKind(c.at("required"), "a list of strings", raw))
	}
	var all []property
	add := func(name string, schema json.RawMessage) {
		rule := s.rule(schema, c.at("properties."+name), nil)
		key, _ := Encode(name)
		all = append(all, property{name, literal(string(bytes.TrimSpace(key))) + ` ":" ` + s.grammar.use("ws") + " " + rule, slices.Contains(required, name)})
	}
	if raw, ok := c.fields["properties"]; ok {
		listed, err := members(raw)
		if err != nil {
			s.fail(wrongKind(c.at("properties"), kindObject, raw))
		}
		for _, m := range listed {
			add(m.name, m.value)
		}
	}
	for _, name := range required {
		if !slices.ContainsFunc(all, func(p property) bool { return p.name == name }) {
			add(name, json.RawMessage("true"))
		}
	}
	return all
}

// member is one field of an object.
type member struct {
	name  string
	value json.RawMessage
}

// members returns the fields of an object in their order. Of several with one name the last counts.
func members(raw json.RawMessage) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("no object: %w", err)
	}
	var all []member
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: name.(string)}
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(old member) bool { return old.name == m.name })
		all = append(all, m)
	}
	return all, nil
}

// dictionary is an object whose properties have any names.
func (s *schemas) dictionary(c *schema) string {
	raw, ok := c.fields["additionalProperties"]
	switch {
	case ok && string(raw) == "false", ok && kindOf(raw) == kindNull:
		return s.grammar.add(`"{" ` + s.grammar.use("ws") + ` "}"`)
	case !ok || string(raw) == "true":
		return s.grammar.use("object")
	}
	name := s.grammar.name()
	value := s.rule(raw, c.at("additionalProperties"), nil)
	s.grammar.use("string")
	s.grammar.use("ws")
	entry := s.grammar.add(`string ":" ws ` + value)
	s.grammar.define(name, fmt.Sprintf(`"{" ws ( %s ( "," ws %s )* ws )? "}"`, entry, entry))
	return name
}

func (s *schemas) array(c *schema) string {
	var unique bool
	if raw, ok := c.fields["uniqueItems"]; ok && (json.Unmarshal(raw, &unique) != nil || unique) {
		s.fail(Unsupported(c.at("uniqueItems"), "an answer cannot be held to it"))
	}
	least, most := s.counts(c, "minItems", "maxItems")
	name := s.grammar.name()
	s.grammar.use("ws")
	if c.has("prefixItems") {
		s.grammar.define(name, `"[" ws `+s.tuple(c, least, most)+` ws "]"`)
		return name
	}
	items := json.RawMessage("true")
	if c.has("items") {
		items = c.fields["items"]
	}
	if most == 0 {
		s.grammar.define(name, `"[" ws "]"`)
		return name
	}
	item := s.rule(items, c.at("items"), nil)
	body := item + " " + repeat(`( "," ws `+item+` )`, max(least-1, 0), most-1) + " ws"
	if most < 0 {
		body = item + " " + repeat(`( "," ws `+item+` )`, max(least-1, 0), -1) + " ws"
	}
	if least == 0 {
		body = "( " + body + " )?"
	}
	s.grammar.define(name, `"[" ws `+body+` "]"`)
	return name
}

// tuple is a list whose first items have schemas of their own. It has no others.
func (s *schemas) tuple(c *schema, least, most int) string {
	var rules []string
	for i, raw := range s.list(c, "prefixItems") {
		rules = append(rules, s.rule(raw, fmt.Sprintf("%s[%d]", c.at("prefixItems"), i), nil))
	}
	if least > len(rules) || most >= 0 && most < len(rules) {
		s.fail(Unsupported(c.at("prefixItems"), "an answer has just these %d items", len(rules)))
	}
	return strings.Join(rules, ` "," ws `)
}

// counts returns the bounds of a length; most is -1 without one.
func (s *schemas) counts(c *schema, low, high string) (least, most int) {
	most = -1
	for name, at := range map[string]*int{low: &least, high: &most} {
		raw, ok := c.fields[name]
		if !ok {
			continue
		}
		n, err := parseWhole(raw)
		if err != nil || n < 0 {
			s.fail(Invalid(c.at(name), "found %s, want a whole number", shorten(raw)))
			return 0, -1
		}
		if n > maxRepeat {
			s.fail(Unsupported(c.at(name), "found %d, want at most %d", n, maxRepeat))
			return 0, -1
		}
		*at = int(n)
	}
	if most >= 0 && most < least {
		s.fail(Invalid(c.at(high), "found %d, which is less than %s", most, low))
	}
	return least, most
}
