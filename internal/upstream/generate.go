package upstream

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/openai"
)

// Generate implements base.Host. Tool calls are written behind the text of the answer, as openai.WriteCalls
// does, and cannot be said by the text.
func (h *Host) Generate(ctx context.Context, r *base.Request, emit func(base.Chunk) error) (*base.Result, error) {
	path, body, err := h.bodyOf(r)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	c, err := h.begin(ctx, path, body)
	if err != nil {
		return nil, err
	}
	defer c.close()
	base.Started(ctx)
	a := &answer{host: h, began: began, emit: emit, numbers: map[int]int{}}
	if c.events {
		err = a.readEvents(c)
	} else {
		err = a.readWhole(c)
	}
	if err != nil {
		return nil, err
	}
	return a.result()
}

// answer is an answer on its way. What it holds grows only as what comes, which is bounded.
type answer struct {
	host  *Host
	emit  func(base.Chunk) error
	began time.Time
	first time.Time // when something of it came

	text    strings.Builder
	calls   []*calling
	numbers map[int]int // from what the upstream numbers a call to its place in calls
	pieces  int
	reason  string
	refused bool // the model refuses
	usage   *openai.Usage
}

// calling is a tool call on its way.
type calling struct {
	id              string
	name, arguments strings.Builder
}

// message is what a chunk adds to an answer, or a whole one.
type message struct {
	Content   *string   `json:"content"`
	Refusal   *string   `json:"refusal"`
	ToolCalls toolCalls `json:"tool_calls"`
}

type toolCall struct {
	Index    *int   `json:"index"`
	ID       string `json:"id"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

// reply is a chunk, or a whole answer.
type reply struct {
	Choices choices         `json:"choices"`
	Usage   *openai.Usage   `json:"usage"`
	Error   json.RawMessage `json:"error"`
}

type choice struct {
	Index        int     `json:"index"`
	Delta        message `json:"delta"`
	Message      message `json:"message"`
	Text         string  `json:"text"` // of a text completion
	FinishReason string  `json:"finish_reason"`
}

func (a *answer) readWhole(c *call) error {
	var r reply
	if err := c.json(&r, mostLine); err != nil {
		return err
	}
	return a.add(&r)
}

const mostLine = 8 << 20 // bytes

// readEvents reads a stream to its last event. One that ends before broke off.
func (a *answer) readEvents(c *call) error {
	lines := bufio.NewScanner(io.LimitReader(c, mostAnswer))
	lines.Buffer(make([]byte, 0, 16<<10), mostLine)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		if data = bytes.TrimSpace(data); !ok || len(data) == 0 {
			continue // comments, names of events, and what separates them
		}
		if string(data) == "[DONE]" {
			return nil
		}
		var r reply
		if json.Unmarshal(data, &r) != nil {
			return broken("an event is no JSON of an answer")
		}
		if err := a.add(&r); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil && errors.Is(err, bufio.ErrTooLong) {
		return broken("an event is longer than %d MiB", mostLine>>20)
	} else if err != nil {
		return err
	}
	return broken("the stream broke off")
}

// add adds a chunk to the answer.
func (a *answer) add(r *reply) error {
	if len(r.Error) > 0 && string(r.Error) != "null" {
		return a.host.failureIn(r.Error)
	}
	if r.Usage != nil {
		a.usage = r.Usage
	}
	for i := range r.Choices {
		c := &r.Choices[i]
		if c.Index != 0 {
			continue // one was asked for
		}
		if c.FinishReason != "" {
			a.reason = c.FinishReason
		}
		for _, m := range []*message{&c.Delta, &c.Message} {
			if err := a.addMessage(m); err != nil {
				return err
			}
		}
		if err := a.say(c.Text); err != nil {
			return err
		}
	}
	return nil
}

// finishRefused is the reason of an answer in which the model refuses. Such answers are never stored.
const finishRefused = "content_filter"

func (a *answer) addMessage(m *message) error {
	for i := range m.ToolCalls {
		if err := a.addCall(&m.ToolCalls[i]); err != nil {
			return err
		}
	}
	if m.Refusal != nil && *m.Refusal != "" {
		a.refused = true
		if err := a.say(*m.Refusal); err != nil {
			return err
		}
	}
	if m.Content == nil {
		return nil
	}
	return a.say(*m.Content)
}

func (a *answer) say(text string) error {
	if text = openai.PassedText(text); text == "" {
		return nil
	}
	a.came()
	a.text.WriteString(text)
	return a.emit(base.Chunk{Text: text})
}

func (a *answer) came() {
	if a.pieces++; a.first.IsZero() {
		a.first = time.Now()
	}
}

// addCall adds a piece of a tool call. Without an index it is a whole one.
func (a *answer) addCall(t *toolCall) error {
	a.came()
	at, known := len(a.calls), false
	if t.Index != nil {
		if at, known = a.numbers[*t.Index]; !known {
			at = len(a.calls)
			a.numbers[*t.Index] = at
		}
	}
	if len(a.calls) == mostCalls && !known {
		return broken("it calls more than %d tools", mostCalls)
	}
	if !known {
		a.calls = append(a.calls, &calling{})
	}
	c := a.calls[at]
	if t.ID != "" {
		c.id = t.ID
	}
	c.name.WriteString(t.Function.Name)
	c.arguments.WriteString(t.Function.Arguments)
	return nil
}

// writeCalls puts the tool calls behind the text.
func (a *answer) writeCalls() error {
	if len(a.calls) == 0 {
		return nil
	}
	list := make([]openai.ToolCall, len(a.calls))
	for i, c := range a.calls {
		if c.name.Len() == 0 { // it is of another type than function
			return broken("it calls a tool and does not say which")
		}
		list[i] = openai.ToolCall{ID: c.id, Type: "function", Function: openai.FunctionCall{Name: c.name.String(), Arguments: c.arguments.String()}}
	}
	text := openai.WriteCalls(list)
	a.text.WriteString(text)
	return a.emit(base.Chunk{Text: text})
}

// failureIn is an error in a stream that had begun with status 200.
func (h *Host) failureIn(raw json.RawMessage) error {
	status := http.StatusBadGateway
	var about struct {
		Code any `json:"code"`
	}
	if json.Unmarshal(raw, &about) == nil {
		if code, ok := about.Code.(float64); ok && code >= 400 && code < 600 {
			status = int(code)
		}
	}
	return h.failureOf(status, nil, []byte(`{"error":`+string(raw)+`}`))
}

// result returns the answer if it is whole.
func (a *answer) result() (*base.Result, error) {
	if a.reason == "" {
		return nil, broken("it does not say how it ended")
	}
	if err := a.writeCalls(); err != nil {
		return nil, err
	}
	now := time.Now()
	if a.first.IsZero() {
		a.first = now
	}
	r := &base.Result{Text: a.text.String(), FinishReason: base.FinishReason(a.reason), Usage: a.usageOf()}
	switch {
	case a.refused:
		r.FinishReason = finishRefused
	case a.reason == openai.FinishToolCalls:
		r.FinishReason = base.FinishStop
	}
	r.Timings.Prefill, r.Timings.Decode = a.first.Sub(a.began), now.Sub(a.first)
	return r, nil
}

// usageOf is what the upstream says. If it says nothing, or what cannot be, the answer's tokens are guessed, rather too many: a
// stored answer must not be longer than a request allows.
func (a *answer) usageOf() base.Usage {
	if u := a.usage; u != nil && u.PromptTokens >= 0 && (u.CompletionTokens > 0 || u.CompletionTokens == 0 && a.text.Len() == 0) {
		return base.Usage{PromptTokens: a.usage.PromptTokens, CompletionTokens: a.usage.CompletionTokens}
	}
	return base.Usage{CompletionTokens: max(a.pieces, (a.text.Len()+2)/3)}
}
