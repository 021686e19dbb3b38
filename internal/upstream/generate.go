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

// Generate implements base.Host. Tool calls are written behind the text of the answer, as openai.WriteCalls does.
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
	calls   []openai.ToolCall
	numbers map[int]int // from what the upstream numbers a call to its place in calls
	pieces  int
	reason  string
	refused bool // the model refuses
	usage   *openai.Usage
}

// message is what a chunk adds to an answer, or a whole one.
type message struct {
	Content   *string    `json:"content"`
	Refusal   *string    `json:"refusal"`
	ToolCalls []toolCall `json:"tool_calls"`
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
	Choices []struct {
		Index        int     `json:"index"`
		Delta        message `json:"delta"`
		Message      message `json:"message"`
		Text         string  `json:"text"` // of a text completion
		FinishReason string  `json:"finish_reason"`
	} `json:"choices"`
	Usage *openai.Usage   `json:"usage"`
	Error json.RawMessage `json:"error"`
}

func (a *answer) readWhole(c *call) error {
	var r reply
	if err := c.json(&r); err != nil {
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
	for _, t := range m.ToolCalls {
		a.addCall(&t)
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
	if text == "" {
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
func (a *answer) addCall(t *toolCall) {
	a.came()
	at, known := len(a.calls), false
	if t.Index != nil {
		if at, known = a.numbers[*t.Index]; !known {
			at = len(a.calls)
			a.numbers[*t.Index] = at
		}
	}
	if !known {
		a.calls = append(a.calls, openai.ToolCall{Type: "function"})
	}
	c := &a.calls[at]
	if t.ID != "" {
		c.ID = t.ID
	}
	c.Function.Name += t.Function.Name
	c.Function.Arguments += t.Function.Arguments
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
	if len(a.calls) > 0 {
		calls := openai.WriteCalls("", a.calls)
		a.text.WriteString(calls)
		if err := a.emit(base.Chunk{Text: calls}); err != nil {
			return nil, err
		}
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

// usageOf is what the upstream says. If it says nothing, the answer's tokens are guessed, rather too many: a
// stored answer must not be longer than a request allows.
func (a *answer) usageOf() base.Usage {
	if a.usage != nil {
		return base.Usage{PromptTokens: a.usage.PromptTokens, CompletionTokens: a.usage.CompletionTokens}
	}
	return base.Usage{CompletionTokens: max(a.pieces, (a.text.Len()+2)/3)}
}
