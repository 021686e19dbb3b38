package openai

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Marks around a tool call, a tool's answer and the list of tools, as Hermes and Qwen models were trained on.
const (
	callOpen, callClose         = "<tool_call>", "</tool_call>"
	responseOpen, responseClose = "<tool_response>", "</tool_response>"
)

// Turn is a message as a chat template takes it.
type Turn struct{ Role, Content string }

// Turns returns the conversation with its tools written out: templates know only roles and texts.
func (r *ChatRequest) Turns() []Turn {
	var turns []Turn
	for i, m := range r.Messages {
		turn := Turn{m.Role, m.Content}
		switch {
		case m.Role == RoleTool:
			turn = Turn{RoleUser, responseOpen + "\n" + m.Content + "\n" + responseClose}
			if i > 0 && r.Messages[i-1].Role == RoleTool { // answers to one turn are one message
				turns[len(turns)-1].Content += "\n" + turn.Content
				continue
			}
		case len(m.ToolCalls) > 0:
			turn.Content = joinLines(m.Content, writeCalls(m.ToolCalls))
		}
		turns = append(turns, turn)
	}
	if len(r.Tools) == 0 || r.Choice.Mode == ToolsNone {
		return turns
	}
	if turns[0].Role == RoleSystem {
		turns[0].Content += "\n\n" + r.instructions()
		return turns
	}
	return slices.Insert(turns, 0, Turn{RoleSystem, r.instructions()})
}

func joinLines(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(s string) bool { return s == "" }), "\n")
}

// instructions tell a model which tools there are and how it calls them.
func (r *ChatRequest) instructions() string {
	var b strings.Builder
	b.WriteString("# Tools\n\nThese functions can be called, each described by a JSON schema:\n<tools>\n")
	for _, tool := range r.Tools {
		b.Write(tool.Definition)
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "</tools>\n\nTo call one, answer with its name and arguments as JSON, like this:\n%s\n%s\n%s",
		callOpen, `{"name": "function", "arguments": {}}`, callClose)
	return b.String()
}

func writeCalls(calls []ToolCall) string {
	var lines []string
	for _, call := range calls {
		name, _ := json.Marshal(call.Function.Name)
		arguments := call.Function.Arguments
		if !json.Valid([]byte(arguments)) {
			quoted, _ := json.Marshal(arguments)
			arguments = string(quoted)
		}
		lines = append(lines, fmt.Sprintf("%s\n{\"name\": %s, \"arguments\": %s}\n%s", callOpen, name, arguments, callClose))
	}
	return strings.Join(lines, "\n")
}

// toolGrammar is the grammar of an answer that is a tool call.
func (r *ChatRequest) toolGrammar() (string, *Error) {
	s := &schemas{grammar: newGrammar(), refs: map[string]string{}}
	var calls []string
	for i, tool := range r.Tools {
		if r.Choice.Name != "" && r.Choice.Name != tool.Name {
			continue
		}
		arguments := s.grammar.use("object")
		if tool.Schema != nil {
			s.root, s.refs = tool.Schema, map[string]string{}
			arguments = s.rule(tool.Schema, fmt.Sprintf("tools[%d].function.parameters", i), nil)
		}
		begin := fmt.Sprintf("%s\n{\"name\": %q, \"arguments\": ", callOpen, tool.Name)
		calls = append(calls, s.grammar.add(literal(begin)+" "+arguments+" "+literal("}\n"+callClose)))
	}
	call := s.grammar.add(strings.Join(calls, " | "))
	root := call
	if r.Parallel && r.Choice.Name == "" {
		root = call + ` ( "\n" ` + call + ` )*`
	}
	s.grammar.define("root", root)
	return s.finish("tools")
}

// CallReader finds the tool calls in an answer as it comes. It belongs to one goroutine.
type CallReader struct {
	request *ChatRequest
	off     bool   // the answer is text, whatever it says
	held    string // not said yet: it may be a call
	calling bool   // held begins with the mark of a call
}

// Calls returns a reader for one answer to r.
func (r *ChatRequest) Calls() *CallReader {
	off := len(r.Tools) == 0 || r.Choice.Mode == ToolsNone
	if r.passing {
		off = !r.anyCall
	}
	return &CallReader{request: r, off: off}
}

// Read takes a piece of the answer, and returns what of it can be said now because it is no tool call.
func (c *CallReader) Read(piece string) (text string) {
	if c.off {
		return piece
	}
	c.held += piece
	if c.calling {
		return ""
	}
	at := strings.Index(c.held, callOpen)
	if c.calling = at >= 0; !c.calling {
		at = len(c.held) - beginning(c.held, callOpen)
	}
	text, c.held = c.held[:at], c.held[at:]
	return text
}

// beginning returns how many bytes at the end of text are the beginning of mark.
func beginning(text, mark string) int {
	for n := min(len(mark)-1, len(text)); n > 0; n-- {
		if strings.HasSuffix(text, mark[:n]) {
			return n
		}
	}
	return 0
}

// End returns what is left of the answer: calls, or text if it is not what a call looks like.
func (c *CallReader) End() (text string, calls []FunctionCall) {
	text, c.held = c.held, ""
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		body, ok := strings.CutPrefix(rest, callOpen)
		if !ok {
			return text, nil
		}
		call, after, ok := c.call(body)
		if !ok {
			return text, nil
		}
		calls = append(calls, call)
		rest = strings.TrimPrefix(strings.TrimSpace(after), callClose) // it may be missing
	}
	return "", calls
}

// call reads a call of a tool there is, and returns what is behind it.
func (c *CallReader) call(body string) (call FunctionCall, after string, ok bool) {
	var raw struct {
		Name      string          `json:"name"`
		ID        string          `json:"id"`
		Arguments json.RawMessage `json:"arguments"`
	}
	d := json.NewDecoder(strings.NewReader(body))
	if d.Decode(&raw) != nil || !c.request.passing && c.request.tool(raw.Name) == nil {
		return call, "", false
	}
	call = FunctionCall{Name: raw.Name, Arguments: string(raw.Arguments)}
	if c.request.passing { // a model that is asked by text makes up ids, if any
		call.ID = raw.ID
	}
	if kindOf(raw.Arguments) == kindString { // JSON in a text, as the API has it
		_ = json.Unmarshal(raw.Arguments, &call.Arguments)
	}
	if raw.Arguments == nil {
		call.Arguments = "{}"
	}
	return call, body[d.InputOffset():], true
}
