package openai

import (
	"bytes"
	"encoding/json"
	"regexp"
	"sync"
)

// Tool is a function that a model may call.
type Tool struct {
	Name       string
	Schema     json.RawMessage // of the arguments; nil means any object
	Definition json.RawMessage // the tool as the client sent it, in one line
}

// ToolCall is a call of a function.
type ToolCall struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"` // "function"
	Function FunctionCall `json:"function"`
}

// FunctionCall names a function and its arguments, which are JSON in a text.
type FunctionCall struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
	ID        string `json:"-"` // that an upstream gave the call; empty means none
}

// Modes of a ToolChoice.
const (
	ToolsNone     = "none"
	ToolsAuto     = "auto"
	ToolsRequired = "required"
)

// ToolChoice says whether a model has to call a tool.
type ToolChoice struct {
	Mode string
	Name string // with ToolsRequired, the only tool that may be called; empty means any
}

// Forces reports whether the answer has to be a tool call.
func (c ToolChoice) Forces() bool { return c.Mode == ToolsRequired }

var functionName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`) })

func (r *ChatRequest) decodeTools(o *object) {
	list, _ := o.objects("tools")
	for _, tool := range list {
		r.decodeTool(tool)
		if *o.err != nil {
			return
		}
	}
	o.boolean("parallel_tool_calls", &r.Parallel)
	r.decodeChoice(o)
	if _, err := r.Constraint(); err != nil && r.Choice.Forces() {
		o.fail(err)
	}
}

func (r *ChatRequest) decodeTool(o *object) {
	var kind string
	if o.text("type", &kind); kind != "function" {
		o.fail(Unsupported(o.at("type"), "found %q, want function", shorten([]byte(kind))))
		return
	}
	function, ok := o.object("function")
	if !ok {
		o.fail(missing(o.at("function"), "a function"))
		return
	}
	var tool Tool
	if function.text("name", &tool.Name); !functionName().MatchString(tool.Name) {
		o.fail(Invalid(function.at("name"), "found %q, want 1 to 64 letters, digits, - or _", shorten([]byte(tool.Name))))
	}
	if r.tool(tool.Name) != nil {
		o.fail(Invalid(function.at("name"), "found %q twice", tool.Name))
	}
	tool.Schema, _ = function.take("parameters", kindObject)
	var definition bytes.Buffer
	definition.WriteString(`{"type": "function", "function": `)
	_ = json.Compact(&definition, o.fields["function"])
	definition.WriteByte('}')
	tool.Definition = definition.Bytes()
	r.Tools = append(r.Tools, tool)
}

// tool returns the tool with a name, or nil.
func (r *ChatRequest) tool(name string) *Tool {
	for i := range r.Tools {
		if r.Tools[i].Name == name {
			return &r.Tools[i]
		}
	}
	return nil
}

// decodeChoice takes a mode, or the function that has to be called.
func (r *ChatRequest) decodeChoice(o *object) {
	r.Choice.Mode = ToolsNone
	if len(r.Tools) > 0 {
		r.Choice.Mode = ToolsAuto
	}
	raw, ok := o.get("tool_choice")
	if !ok {
		return
	}
	if kindOf(raw) == kindString {
		o.text("tool_choice", &r.Choice.Mode)
	} else if choice, ok := o.object("tool_choice"); ok {
		r.decodeNamed(choice)
	}
	switch r.Choice.Mode {
	case ToolsNone, ToolsAuto:
	case ToolsRequired:
		if len(r.Tools) == 0 {
			o.fail(Invalid("tool_choice", "found without tools, want it only beside some"))
		}
	default:
		o.fail(Invalid("tool_choice", "found %q, want none, auto, required or a function", shorten([]byte(r.Choice.Mode))))
	}
}

func (r *ChatRequest) decodeNamed(choice *object) {
	r.Choice.Mode = ToolsRequired
	var kind string
	if choice.text("type", &kind); kind != "function" {
		choice.fail(Unsupported(choice.at("type"), "found %q, want function", shorten([]byte(kind))))
	}
	function, ok := choice.object("function")
	if !ok || !function.text("name", &r.Choice.Name) {
		choice.fail(missing(choice.at("function.name"), "the name of a tool"))
		return
	}
	if r.tool(r.Choice.Name) == nil {
		choice.fail(Invalid(function.at("name"), "found %q, which is none of the tools", shorten([]byte(r.Choice.Name))))
	}
}

// decodeToolCalls takes the calls that the assistant made before.
func decodeToolCalls(o *object) []ToolCall {
	list, _ := o.objects("tool_calls")
	var calls []ToolCall
	for _, item := range list {
		call := ToolCall{Type: "function"}
		item.text("id", &call.ID)
		function, ok := item.object("function")
		if !ok || !function.text("name", &call.Function.Name) || !function.text("arguments", &call.Function.Arguments) {
			o.fail(missing(item.at("function"), "a function with its name and arguments"))
			return nil
		}
		calls = append(calls, call)
	}
	return calls
}
