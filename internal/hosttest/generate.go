package hosttest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Times a token takes, according to Timings.
const (
	PrefillTime = time.Millisecond
	DecodeTime  = 10 * time.Millisecond
)

// Generate implements base.Host.
func (h *Host) Generate(ctx context.Context, r *base.Request, emit func(base.Chunk) error) (*base.Result, error) {
	return h.generate(ctx, r, nil, emit)
}

// generate answers r, with state if st is not nil.
func (h *Host) generate(ctx context.Context, r *base.Request, st *state, emit func(base.Chunk) error) (*base.Result, error) {
	err := h.enter(ctx, Generate)
	h.note(r)
	if err != nil {
		return nil, err
	}
	if err := r.Validate(); err != nil {
		return nil, err
	}
	text, prompt := h.prompt(r)
	if len(prompt) >= h.options.Context {
		return nil, &base.Error{Sentinel: base.ErrInvalid,
			Message: fmt.Sprintf("the prompt has %d tokens; the context has %d", len(prompt), h.options.Context)}
	}
	if err := h.hold(ctx, AtQueue, r); err != nil {
		return nil, err
	}
	if err := h.takeSlot(ctx, r); err != nil {
		return nil, err
	}
	defer func() { <-h.slots }()
	base.Started(ctx)
	if err := h.abortOn(text, StartPrompt); err != nil {
		return nil, err
	}
	if err := h.hold(ctx, AtStart, r); err != nil {
		return nil, err
	}
	restored := 0
	if st != nil && !h.options.NoState {
		restored = st.restore(prompt)
	}
	d := &decoder{ctx: ctx, restored: restored, host: h, request: r, emit: emit, promptText: text, room: room(r, h.options.Context-len(prompt))}
	return d.run(prompt, h.answer(r, text, prompt))
}

func (h *Host) note(r *base.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.requests = append(h.mu.requests, r)
}

// hold waits at the gate of p, if there is one.
func (h *Host) hold(ctx context.Context, p Point, r *base.Request) error {
	h.mu.Lock()
	g := h.mu.gates[p]
	h.mu.Unlock()
	if g == nil {
		return nil
	}
	return g.wait(ctx, r)
}

// takeSlot waits for one of the slots.
func (h *Host) takeSlot(ctx context.Context, r *base.Request) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	default:
	}
	if !h.queue() {
		return &base.Error{Sentinel: base.ErrOverloaded, Message: "the queue of the fake host is full"}
	}
	defer h.unqueue()
	if h.options.Queued != nil {
		h.options.Queued(r)
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Host) queue() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.waiting >= h.options.Queue {
		return false
	}
	h.mu.waiting++
	return true
}

func (h *Host) unqueue() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.waiting--
}

// prompt returns the effective prompt of r as text and as tokens.
func (h *Host) prompt(r *base.Request) (string, []base.Token) {
	if len(r.Tokens) > 0 {
		return h.textOf(r.Tokens), r.Tokens
	}
	text := r.Prompt
	if len(r.Messages) > 0 {
		text = Template(r.Messages...)
	}
	return text, h.remember(pieces(text, true))
}

// answer returns the whole text the model would say.
func (h *Host) answer(r *base.Request, text string, prompt []base.Token) string {
	switch {
	case h.options.Answer != nil:
		return h.options.Answer(text)
	case r.Sampling.Temperature == 0:
		return answerTokens(prompt, 0)
	case r.Sampling.Seed != nil:
		return answerTokens(prompt, uint64(*r.Sampling.Seed)+1)
	default:
		h.mu.Lock()
		defer h.mu.Unlock()
		h.mu.unseeded++
		return answerTokens(prompt, uint64(h.mu.unseeded)+1)
	}
}

// room returns how many tokens the answer to r may have.
func room(r *base.Request, left int) int {
	if r.MaxTokens > 0 && r.MaxTokens < left {
		return r.MaxTokens
	}
	return left
}

// decoder says one answer.
type decoder struct {
	ctx        context.Context
	host       *Host
	request    *base.Request
	emit       func(base.Chunk) error
	promptText string
	room       int
	restored   int // tokens of the prompt

	text    string // decoded so far
	sent    int    // bytes of text that were emitted
	tokens  []base.Token
	pending []base.Token // decoded, not emitted
	chunks  int
}

// run decodes answer token by token and returns the result.
func (d *decoder) run(prompt []base.Token, answer string) (*base.Result, error) {
	result := &base.Result{PromptTokens: prompt, FinishReason: base.FinishLength}
	ps := pieces(answer, false)
	d.host.remember(ps)
	for _, p := range ps {
		if len(d.tokens) == d.room {
			return d.finish(result, len(d.text))
		}
		if err := d.ctx.Err(); err != nil {
			return nil, err
		}
		d.text += p.text
		d.tokens = append(d.tokens, p.id)
		d.pending = append(d.pending, p.id)
		if at, stop := firstStop(d.text, d.request.Stop); at >= 0 {
			result.FinishReason, result.StopString = base.FinishStop, stop
			return d.finish(result, at)
		}
		if err := d.flush(heldBack(d.text, d.request.Stop), d.host.options.ChunkTokens); err != nil {
			return nil, err
		}
	}
	result.FinishReason = base.FinishStop
	result.Usage.CompletionTokens = 1 // the end-of-turn token
	return d.finish(result, len(d.text))
}

// flush emits the text up to end when at least tokens tokens wait for it.
func (d *decoder) flush(end, tokens int) error {
	if len(d.pending) < tokens {
		return nil
	}
	chunk := base.Chunk{Text: d.text[d.sent:max(end, d.sent)], Tokens: d.pending}
	d.sent, d.pending = max(end, d.sent), nil
	if err := d.emit(chunk); err != nil {
		return err
	}
	if d.chunks++; d.chunks == 1 {
		return d.afterFirst()
	}
	return nil
}

// afterFirst is the place where gates and magic words act.
func (d *decoder) afterFirst() error {
	if err := d.host.hold(d.ctx, AtChunk, d.request); err != nil {
		return err
	}
	switch {
	case strings.Contains(d.promptText, HangPrompt):
		<-d.ctx.Done()
		return d.ctx.Err()
	case strings.Contains(d.promptText, BusyPrompt):
		return busy(d.ctx)
	case strings.Contains(d.promptText, PanicPrompt):
		panic("the prompt asked for it")
	}
	return d.host.abortOn(d.promptText, AbortPrompt)
}

// busy computes until ctx ends.
func busy(ctx context.Context) error {
	state := uint64(1)
	for ctx.Err() == nil {
		for range 1 << 16 {
			next(&state)
		}
	}
	return ctx.Err()
}

// finish emits what is left of the text before end and completes the result.
func (d *decoder) finish(result *base.Result, end int) (*base.Result, error) {
	result.Usage.PromptTokens = len(result.PromptTokens)
	result.Usage.CompletionTokens += len(d.tokens)
	result.Text = d.text[:end]
	result.Tokens = tokensWithin(d.text[:end], d.tokens)
	result.Restored = d.restored
	result.Timings = base.Timings{
		Restore: RestoreTime * time.Duration(d.restored),
		Prefill: PrefillTime * time.Duration(len(result.PromptTokens)-d.restored),
		Decode:  DecodeTime * time.Duration(result.Usage.CompletionTokens),
	}
	d.pending = d.pending[:max(0, len(d.pending)-(len(d.tokens)-len(result.Tokens)))]
	if d.sent == end && len(d.pending) == 0 {
		return result, nil
	}
	return result, d.flush(end, 0)
}

// tokensWithin returns the tokens that lie in text as a whole.
func tokensWithin(text string, tokens []base.Token) []base.Token {
	whole := pieces(text, false)
	n := 0
	for n < len(whole) && n < len(tokens) && whole[n].id == tokens[n] {
		n++
	}
	return tokens[:n]
}

// firstStop returns where the first stop string in text begins, or -1.
func firstStop(text string, stops []string) (at int, stop string) {
	at = -1
	for _, s := range stops {
		if i := strings.Index(text, s); i >= 0 && (at < 0 || i < at) {
			at, stop = i, s
		}
	}
	return at, stop
}

// heldBack returns the length of text without an ending that could be the beginning of a stop string.
func heldBack(text string, stops []string) int {
	end := len(text)
	for _, s := range stops {
		for n := min(len(s)-1, len(text)); n > 0; n-- {
			if strings.HasSuffix(text, s[:n]) {
				end = min(end, len(text)-n)
				break
			}
		}
	}
	return end
}
