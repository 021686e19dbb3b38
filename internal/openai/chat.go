package openai

import (
	"encoding/json"
	"slices"
	"strings"
)

// Roles of messages.
const (
	RoleSystem    = "system"
	RoleDeveloper = "developer"
	RoleUser      = "user"
	RoleAssistant = "assistant"
	RoleTool      = "tool"
)

// ChatRequest is the body of POST /v1/chat/completions.
type ChatRequest struct {
	Parameters
	Messages []Message
	Format   Format
	Tools    []Tool
	Choice   ToolChoice
	Parallel bool     // several tool calls in one answer
	Passed   []Passed // of DecodeChatPassing

	passing bool // of its Tools only the names are known
}

// Message is a message of a conversation.
type Message struct {
	Role      string
	Content   string
	ToolCalls []ToolCall // of the assistant
}

// DecodeChat decodes and checks a request.
func DecodeChat(body []byte) (*ChatRequest, *Error) {
	if err := check(body); err != nil {
		return nil, err
	}
	o := newObject(body)
	r := &ChatRequest{Parallel: true}
	r.Parameters.decode(o)
	r.decodeMessages(o)
	r.decodeTools(o)
	r.Format.decode(o)
	refuseChat(o)
	if r.Grammar != "" && (r.Format.Kind != FormatText || r.Choice.Forces()) {
		o.fail(Invalid("grammar", "found beside response_format or tool_choice, want one of them"))
	}
	if r.Format.Kind != FormatText && len(r.Tools) > 0 && r.Choice.Mode != ToolsNone {
		o.fail(Unsupported("response_format", "it cannot be combined with tools, want tool_choice: \"none\" beside it"))
	}
	if *o.err != nil {
		return nil, *o.err
	}
	return r, nil
}

// refuseChat refuses what nobody here can do.
func refuseChat(o *object) {
	refuseLogprobs(o)
	refuseFunctions(o)
	for _, name := range []string{"audio", "web_search_options"} {
		if _, ok := o.get(name); ok {
			o.fail(Unsupported(name, "the model has only text"))
		}
	}
	refuseEffort(o, "reasoning_effort", "none")
	refuseEffort(o, "verbosity", "medium")
	if modalities, ok := o.texts("modalities"); ok && slices.ContainsFunc(modalities, func(m string) bool { return m != "text" }) {
		o.fail(Unsupported("modalities", "the model has only text"))
	}
}

// refuseFunctions refuses what came before tools.
func refuseFunctions(o *object) {
	for _, name := range []string{"functions", "function_call"} {
		if _, ok := o.get(name); ok {
			o.fail(Unsupported(o.at(name), "it is out of date, use tools and tool calls"))
		}
	}
}

// refuseEffort refuses what would make a model think or say more or less, but for the value that asks for nothing.
func refuseEffort(o *object, name, nothing string) {
	value := nothing
	if o.text(name, &value); value != nothing {
		o.fail(Unsupported(name, "found %q, and the model has no such setting, want %s", shorten([]byte(value)), nothing))
	}
}

// refuseLogprobs refuses to tell probabilities, which the inference host does not pass on.
func refuseLogprobs(o *object) {
	const why = "the inference host does not tell probabilities"
	raw, ok := o.get("logprobs")
	switch {
	case ok && string(raw) == "false":
	case ok && (kindOf(raw) == kindBoolean || kindOf(raw) == kindNumber):
		o.fail(Unsupported("logprobs", why))
	case ok:
		o.fail(wrongKind("logprobs", kindBoolean, raw))
	}
	if n := o.whole("top_logprobs", 0, 20); n != nil && *n > 0 {
		o.fail(Unsupported("top_logprobs", why))
	}
}

func (r *ChatRequest) decodeMessages(o *object) {
	list, ok := o.objects("messages")
	switch {
	case !ok:
		o.fail(missing("messages", "a list of messages"))
	case len(list) == 0:
		o.fail(Invalid("messages", "found an empty list, want at least one message"))
	}
	for _, m := range list {
		r.Messages = append(r.Messages, decodeMessage(m))
		if *o.err != nil {
			return
		}
	}
}

func decodeMessage(o *object) Message {
	var m Message
	if !o.text("role", &m.Role) {
		o.fail(missing(o.at("role"), "a role"))
	}
	switch m.Role {
	case RoleSystem, RoleUser, RoleAssistant, RoleTool, "":
	case RoleDeveloper: // its name in newer models
		m.Role = RoleSystem
	default:
		o.fail(Invalid(o.at("role"), "found %q, want system, developer, user, assistant or tool", shorten([]byte(m.Role))))
	}
	refuseFunctions(o)
	if m.Role == RoleAssistant {
		m.ToolCalls = decodeToolCalls(o)
	}
	if _, ok := o.get("audio"); ok {
		o.fail(Unsupported(o.at("audio"), "the model has only text"))
	}
	raw, ok := o.get("content")
	switch {
	case ok:
		m.Content = decodeContent(o, raw)
	case m.Role != RoleAssistant:
		o.fail(missing(o.at("content"), "the text of the message"))
	case len(m.ToolCalls) == 0:
		if !o.text("refusal", &m.Content) {
			o.fail(missing(o.at("content"), "the text of the message, or tool_calls"))
		}
	}
	return m
}

// decodeContent takes a text, or a list of parts that are texts.
func decodeContent(o *object, raw json.RawMessage) (text string) {
	if kindOf(raw) == kindString {
		o.text("content", &text)
		return text
	}
	if kindOf(raw) != kindArray {
		o.fail(wrongKind(o.at("content"), "a string or a list of parts", raw))
		return ""
	}
	parts, _ := o.objects("content")
	texts := make([]string, len(parts))
	for i, part := range parts {
		var kind string
		if !part.text("type", &kind) {
			o.fail(missing(part.at("type"), "the kind of the part"))
		}
		name := map[string]string{"text": "text", "refusal": "refusal"}[kind]
		switch {
		case name == "":
			o.fail(Unsupported(part.at("type"), "found %q, and the model has only text", shorten([]byte(kind))))
		case !part.text(name, &texts[i]):
			o.fail(missing(part.at(name), "the text of the part"))
		}
	}
	return strings.Join(texts, "\n")
}
