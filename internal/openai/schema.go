package openai

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// SchemaGrammar turns a JSON schema into a grammar in GBNF whose texts all fit the schema. path names the
// schema in errors. A keyword that restricts values and that no grammar here can hold an answer to is refused,
// so a schema that is taken is kept to. Where a schema leaves freedom the grammar may use less of it: objects
// have the properties that are listed, in their order, the required ones first.
func SchemaGrammar(schema json.RawMessage, path string) (string, *Error) {
	s := &schemas{grammar: newGrammar(), root: schema, refs: map[string]string{}}
	top := s.rule(schema, path, nil)
	s.grammar.define("root", top)
	return s.finish(path)
}

// finish returns the grammar, or what is wrong with the schema.
func (s *schemas) finish(path string) (string, *Error) {
	if s.grammar.text.Len() > maxGrammar {
		s.fail(Unsupported(path, "it is too large"))
	}
	if s.err != nil {
		return "", s.err
	}
	return s.grammar.text.String(), nil
}

// schemas turns one schema and all within it into rules.
type schemas struct {
	grammar *grammar
	root    json.RawMessage
	refs    map[string]string // rules of what $ref names
	err     *Error
}

func (s *schemas) fail(err *Error) {
	if s.err == nil {
		s.err = err
	}
}

// schema is one schema that is an object.
type schema struct {
	path   string
	fields map[string]json.RawMessage
	// open are the references that led here with nothing of a value written in between.
	open []string
}

// refused are keywords that restrict values in a way no rule here does.
var refused = []string{
	"not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies", "patternProperties", "propertyNames",
	"minProperties", "contains", "minContains", "maxContains", "unevaluatedItems", "unevaluatedProperties", "$dynamicRef", "$recursiveRef",
}

// restricting are keywords that may not stand beside one that says all by itself, such as $ref.
var restricting = []string{"$ref", "enum", "const", "anyOf", "oneOf", "allOf", "properties", "items", "prefixItems", "required"}

// rule returns the name of the rule of a schema.
func (s *schemas) rule(raw json.RawMessage, path string, open []string) string {
	if s.err != nil || s.grammar.text.Len() > maxGrammar {
		return "value" // the schema is refused
	}
	switch {
	case string(raw) == "true":
		return s.grammar.use("value")
	case kindOf(raw) != kindObject:
		s.fail(wrongKind(path, "a schema", raw))
		return ""
	}
	c := &schema{path: path, open: open}
	_ = json.Unmarshal(raw, &c.fields)
	for _, name := range refused {
		if c.has(name) {
			s.fail(Unsupported(c.at(name), "an answer cannot be held to it"))
		}
	}
	for _, alone := range []string{"$ref", "anyOf", "oneOf", "allOf"} {
		if c.has(alone) {
			return s.alone(c, alone)
		}
	}
	switch {
	case c.has("const"):
		return s.constants(c, "const", []json.RawMessage{c.fields["const"]})
	case c.has("enum"):
		return s.constants(c, "enum", s.list(c, "enum"))
	}
	return s.typed(c)
}

func (c *schema) at(name string) string { return c.path + "." + name }

func (c *schema) has(name string) bool {
	_, ok := c.fields[name]
	return ok
}

// alone makes the rule of a keyword that stands for the whole schema.
func (s *schemas) alone(c *schema, keyword string) string {
	for _, other := range restricting {
		if other != keyword && c.has(other) {
			s.fail(Unsupported(c.at(keyword), "it cannot be combined with %s", other))
		}
	}
	if keyword == "$ref" {
		return s.reference(c)
	}
	list := s.list(c, keyword)
	if keyword == "allOf" && len(list) > 1 {
		s.fail(Unsupported(c.at(keyword), "several schemas cannot be joined, write them as one"))
	}
	var rules []string
	for i, raw := range list {
		rules = append(rules, s.rule(raw, fmt.Sprintf("%s[%d]", c.at(keyword), i), c.open))
	}
	return s.grammar.add(strings.Join(rules, " | "))
}

// list takes a list that is not empty.
func (s *schemas) list(c *schema, name string) (list []json.RawMessage) {
	if json.Unmarshal(c.fields[name], &list) != nil || len(list) == 0 {
		s.fail(Invalid(c.at(name), "found %s, want a list that is not empty", shorten(c.fields[name])))
	}
	return list
}

// reference makes the rule of what a $ref names, once for all that name it.
func (s *schemas) reference(c *schema) string {
	var to string
	if json.Unmarshal(c.fields["$ref"], &to) != nil || to != "#" && !strings.HasPrefix(to, "#/") {
		s.fail(Unsupported(c.at("$ref"), "found %s, want a place in the schema itself, such as #/$defs/name", shorten(c.fields["$ref"])))
		return ""
	}
	if slices.Contains(c.open, to) {
		s.fail(Invalid(c.at("$ref"), "%s leads to itself", to))
		return ""
	}
	if name, ok := s.refs[to]; ok {
		return name
	}
	raw, ok := follow(s.root, to)
	if !ok {
		s.fail(Invalid(c.at("$ref"), "%s is not there", to))
		return ""
	}
	name := s.grammar.name()
	s.refs[to] = name
	s.grammar.define(name, s.rule(raw, to, append(slices.Clone(c.open), to)))
	return name
}

// follow finds what a JSON pointer names.
func follow(raw json.RawMessage, pointer string) (json.RawMessage, bool) {
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for _, part := range strings.Split(pointer, "/")[1:] {
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) != nil {
			return nil, false
		}
		var ok bool
		if raw, ok = fields[unescape.Replace(part)]; !ok {
			return nil, false
		}
	}
	return raw, true
}

// constants makes a rule of values that are written out.
func (s *schemas) constants(c *schema, name string, values []json.RawMessage) string {
	var rules []string
	for _, value := range values {
		var short bytes.Buffer
		if err := json.Compact(&short, value); err != nil {
			s.fail(Invalid(c.at(name), "it is not valid JSON"))
			return ""
		}
		rules = append(rules, literal(short.String()))
	}
	return s.grammar.add(strings.Join(rules, " | "))
}

// typed makes the rule of a schema that names types, or implies one.
func (s *schemas) typed(c *schema) string {
	types := s.types(c)
	var rules []string
	for _, name := range types {
		switch name {
		case "object":
			rules = append(rules, s.object(c))
		case "array":
			rules = append(rules, s.array(c))
		case "string":
			rules = append(rules, s.text(c))
		case "integer", "number":
			rules = append(rules, s.number(c, name == "integer"))
		case "boolean", "null", "value":
			rules = append(rules, s.grammar.use(name))
		default:
			s.fail(Invalid(c.at("type"), "found %q, want a type of JSON", shorten([]byte(name))))
		}
	}
	if len(rules) == 1 {
		return rules[0]
	}
	return s.grammar.add(strings.Join(rules, " | "))
}

// implied are the types of schemas that do not say one, by a keyword that only that type knows.
var implied = []struct{ keyword, name string }{
	{"properties", "object"}, {"required", "object"}, {"additionalProperties", "object"}, {"maxProperties", "object"},
	{"items", "array"}, {"prefixItems", "array"}, {"minItems", "array"}, {"maxItems", "array"}, {"uniqueItems", "array"},
	{"pattern", "string"}, {"format", "string"}, {"minLength", "string"}, {"maxLength", "string"},
	{"minimum", "number"}, {"maximum", "number"}, {"exclusiveMinimum", "number"}, {"exclusiveMaximum", "number"}, {"multipleOf", "number"},
}

func (s *schemas) types(c *schema) []string {
	raw, ok := c.fields["type"]
	if !ok {
		for _, i := range implied {
			if c.has(i.keyword) {
				return []string{i.name}
			}
		}
		return []string{"value"}
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	var several []string
	if json.Unmarshal(raw, &several) != nil || len(several) == 0 {
		s.fail(wrongKind(c.at("type"), "a string or a list of strings", raw))
	}
	return several
}
