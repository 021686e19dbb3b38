package openai

import "encoding/json"

// Kinds of a Format.
const (
	FormatText   = "text"
	FormatObject = "json_object"
	FormatSchema = "json_schema"
)

// Format is the form an answer must have.
type Format struct {
	Kind   string
	Schema json.RawMessage // for FormatSchema
}

func (f *Format) decode(o *object) {
	f.Kind = FormatText
	format, ok := o.object("response_format")
	if !ok {
		return
	}
	if !format.text("type", &f.Kind) {
		o.fail(missing(format.at("type"), "text, json_object or json_schema"))
	}
	switch f.Kind {
	case FormatText, FormatObject:
	case FormatSchema:
		about, ok := format.object("json_schema")
		if !ok {
			o.fail(missing(format.at("json_schema"), "an object with the schema"))
			return
		}
		if f.Schema, ok = about.take("schema", kindObject); !ok {
			o.fail(missing(about.at("schema"), "a JSON schema"))
			return
		}
		if _, err := SchemaGrammar(f.Schema, about.at("schema")); err != nil {
			o.fail(err)
		}
	default:
		o.fail(Invalid(format.at("type"), "found %q, want text, json_object or json_schema", shorten([]byte(f.Kind))))
	}
}

// Constraint returns the grammar that the answer to a request must follow, empty if it is free.
func (r *ChatRequest) Constraint() (string, *Error) {
	switch {
	case r.Choice.Forces():
		return r.toolGrammar()
	case r.Format.Kind == FormatObject:
		return anyObject(), nil
	case r.Format.Kind == FormatSchema:
		return SchemaGrammar(r.Format.Schema, "response_format.json_schema.schema")
	}
	return r.Grammar, nil
}
