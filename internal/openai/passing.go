package openai

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Passed is a field of a request that goes to an upstream as it came.
type Passed struct {
	Message int // of which message it is a field, from 1 on; 0 is the request itself
	Name    string
	Value   json.RawMessage // in one line
}

// DecodeChatPassing is DecodeChat for a model behind an upstream. Messages, tools, formats and fields that are
// not known are not looked into: what Messages and Parameters do not say is in Passed, and the upstream judges
// it. Only what its answer could not be passed back for is refused.
func DecodeChatPassing(body []byte) (*ChatRequest, *Error) {
	if err := check(body); err != nil {
		return nil, err
	}
	o := newObject(body)
	r := &ChatRequest{passing: true}
	r.Format.Kind = FormatText
	r.Parameters.decode(o)
	refuseParts(o)
	list, ok := o.objects("messages")
	if !ok || len(list) == 0 {
		o.fail(missing("messages", "a list of messages"))
	}
	r.Passed = o.pass(0, "messages", "tools", "tool_choice")
	for i, m := range list {
		r.passMessage(i+1, m)
	}
	r.passTools(o)
	if *o.err != nil {
		return nil, *o.err
	}
	return r, nil
}

// DecodeCompletionPassing is DecodeCompletion for a model behind an upstream; see DecodeChatPassing.
func DecodeCompletionPassing(body []byte) (*CompletionRequest, *Error) {
	if err := check(body); err != nil {
		return nil, err
	}
	o := newObject(body)
	r := &CompletionRequest{}
	r.decode(o)
	r.Passed = o.pass(0, "prompt", "echo", "best_of")
	if *o.err != nil {
		return nil, *o.err
	}
	return r, nil
}

// refuseParts refuses what makes answers of more than text and tool calls.
func refuseParts(o *object) {
	refuseLogprobs(o)
	refuseFunctions(o)
	if _, ok := o.get("audio"); ok {
		o.fail(Unsupported("audio", "answers are text and tool calls"))
	}
	if modalities, ok := o.texts("modalities"); ok && slices.ContainsFunc(modalities, func(m string) bool { return m != "text" }) {
		o.fail(Unsupported("modalities", "answers are text and tool calls"))
	}
}

// parameters are the fields that Parameters hold, and those that are only ever refused.
var parameters = []string{
	"model", "n", "max_tokens", "stop", "stream", "stream_options", "temperature", "top_p", "min_p", "top_k", "frequency_penalty",
	"presence_penalty", "repeat_penalty", "seed", "grammar", "logit_bias", "kvasir", "logprobs", "top_logprobs",
}

// pass returns the fields of o that are neither parameters nor among known, in the order of their names. Of
// max_completion_tokens only the name is passed: the number is MaxTokens.
func (o *object) pass(message int, known ...string) (passed []Passed) {
	if message == 0 {
		known = append(known, parameters...)
	}
	for _, name := range slices.Sorted(maps.Keys(o.fields)) {
		raw, ok := o.get(name)
		if !ok || slices.Contains(known, name) {
			continue
		}
		if message == 0 && name == "max_completion_tokens" {
			raw = json.RawMessage("null")
		}
		passed = append(passed, Passed{message, name, compact(raw)})
	}
	return passed
}

func compact(raw []byte) json.RawMessage {
	var b bytes.Buffer
	_ = json.Compact(&b, raw) // the body is valid
	return b.Bytes()
}

// passMessage takes a message. Its text is the content; a content of another form is passed on.
func (r *ChatRequest) passMessage(number int, o *object) {
	m := Message{}
	if !o.text("role", &m.Role) || m.Role == "" {
		o.fail(missing(o.at("role"), "a role"))
		return
	}
	passed := o.pass(number, "role", "content")
	raw, ok := o.get("content")
	switch text, isText := plainContent(raw); {
	case ok && isText:
		m.Content = text
	case ok:
		passed = append(passed, Passed{number, "content", compact(raw)})
	default:
		passed = append(passed, Passed{number, "content", json.RawMessage("null")})
	}
	r.Messages, r.Passed = append(r.Messages, m), append(r.Passed, passed...)
}

// plainContent returns a content that is a text, or one part that is nothing but a text.
func plainContent(raw json.RawMessage) (text string, ok bool) {
	if len(raw) == 0 || kindOf(raw) == kindString {
		return text, json.Unmarshal(raw, &text) == nil
	}
	var parts []map[string]json.RawMessage
	if kindOf(raw) != kindArray || json.Unmarshal(raw, &parts) != nil || len(parts) != 1 || len(parts[0]) != 2 {
		return "", false
	}
	part := parts[0]
	if kindOf(part["text"]) != kindString || string(part["type"]) != `"text"` {
		return "", false
	}
	return text, json.Unmarshal(part["text"], &text) == nil
}

// passTools passes tools on, and notes the names of those that the answer may call.
func (r *ChatRequest) passTools(o *object) {
	for _, name := range []string{"tools", "tool_choice"} {
		if raw, ok := o.get(name); ok {
			r.Passed = append(r.Passed, Passed{0, name, compact(raw)})
		}
	}
	list, _ := o.objects("tools")
	for _, tool := range list {
		var kind, name string
		if tool.text("type", &kind); kind != "function" {
			o.fail(Unsupported(tool.at("type"), "found %q, want function", shorten([]byte(kind))))
			return
		}
		function, ok := tool.object("function")
		if !ok || !function.text("name", &name) || name == "" {
			o.fail(missing(tool.at("function.name"), "the name of a function"))
			return
		}
		r.Tools = append(r.Tools, Tool{Name: name})
	}
	r.Choice.Mode = ToolsAuto
	if choice, _ := o.get("tool_choice"); string(choice) == `"`+ToolsNone+`"` {
		r.Choice.Mode = ToolsNone
	}
}

// passedMark is what the tool calls of an upstream follow, as a list in JSON, which never has its first byte.
const (
	passedMark = markByte + "kvasir-calls\n"
	markByte   = "\x1e"
)

// PassedText is a text of an upstream as answers hold it: whatever it says, it is no tool call.
func PassedText(text string) string { return strings.ReplaceAll(text, markByte, "") }

type passedCall struct {
	Name      string `json:"name"`
	ID        string `json:"id,omitempty"`
	Arguments string `json:"arguments"`
}

// WriteCalls returns tool calls of an upstream as they are put behind a PassedText, where a CallReader finds them.
// Names, ids and arguments come out of it as they went in.
func WriteCalls(calls []ToolCall) string {
	list := make([]passedCall, len(calls))
	for i, c := range calls {
		list[i] = passedCall{c.Function.Name, c.ID, c.Function.Arguments}
	}
	body, _ := json.Marshal(list) // texts can always be written
	return passedMark + string(body)
}

// passedCalls reads what WriteCalls wrote, if all of it are calls of tools there are.
func (r *ChatRequest) passedCalls(text string) (calls []FunctionCall, ok bool) {
	body, ok := strings.CutPrefix(text, passedMark)
	var list []passedCall
	if !ok || json.Unmarshal([]byte(body), &list) != nil {
		return nil, false
	}
	for _, c := range list {
		if r.tool(c.Name) == nil {
			return nil, false
		}
		calls = append(calls, FunctionCall{Name: c.Name, Arguments: c.Arguments, ID: c.ID})
	}
	return calls, true
}
