package hosttest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Words that make the host misbehave when a prompt contains them.
const (
	AbortPrompt = "<<abort>>"          // Generate aborts after its first chunk
	StartPrompt = "<<abort at start>>" // Generate aborts as soon as it has started
	HangPrompt  = "<<hang>>"           // Generate emits one chunk and waits for its context
	BusyPrompt  = "<<busy>>"           // Generate emits one chunk and computes until its context ends
	PanicPrompt = "<<panic>>"          // Generate panics after its first chunk
	AbortText   = "<<die>>"            // ApplyTemplate, Tokenize and Embed abort
)

// Options of a Host. The zero value works.
type Options struct {
	Context  int // tokens per request; 0 means 4096
	Parallel int // requests at once; 0 means 2
	Queue    int // requests that may wait; 0 means 64
	// Model is the content that the model's identity is made of; "" means "fake".
	Model string
	// NoEmbed makes Embed return ErrUnsupported.
	NoEmbed bool
	// NoState makes the model one whose state cannot be saved.
	NoState bool
	// ChunkTokens is how many tokens a chunk has; 0 means 1.
	ChunkTokens int
	// Answer replaces the built-in answers. Its argument is the effective prompt; for a request of
	// tokens, the text of those that this host made itself, and <id> for the others.
	Answer func(prompt string) string
	// Queued is told each request that has to wait for a slot. It may be nil.
	Queued func(*base.Request)
	// Abort is what a prompt with AbortPrompt or AbortText does; nil makes the call return
	// ErrUnavailable.
	Abort func()
}

func (o *Options) fill() {
	o.Context = orDefault(o.Context, 4096)
	o.Parallel = orDefault(o.Parallel, 2)
	o.Queue = orDefault(o.Queue, 64)
	o.ChunkTokens = orDefault(o.ChunkTokens, 1)
	if o.Model == "" {
		o.Model = "fake"
	}
}

func orDefault(n, def int) int {
	if n == 0 {
		return def
	}
	return n
}

// Method names a method of Host for Calls and Fail.
type Method int

// The methods of Host. Generate is GenerateState too.
const (
	Info Method = iota
	ApplyTemplate
	Tokenize
	Generate
	Embed
	Prefill
	CheckState
	methods
)

// Host is a fake inference host. It is safe for use by many goroutines at once.
type Host struct {
	options Options
	slots   chan struct{} // holds one value for each running generation

	mu struct {
		sync.Mutex
		calls    [methods]int
		errors   [methods]error
		gates    [points]*Gate
		requests []*base.Request
		plans    []*base.StatePlan
		pieces   map[base.Token]string // text of every token made so far
		waiting  int                   // generations in the queue
		unseeded uint32                // sampled requests without a seed so far
		closed   bool
	}
}

var _ base.StateChecker = (*Host)(nil)

// New returns a host with its model loaded.
func New(o Options) *Host {
	o.fill()
	h := &Host{options: o, slots: make(chan struct{}, o.Parallel)}
	h.mu.pieces = map[base.Token]string{}
	return h
}

// Hold makes every later generation stop at p until the gate lets it through. It replaces an earlier
// gate at p, which keeps those it holds.
func (h *Host) Hold(p Point) *Gate {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.gates[p] = newGate()
	return h.mu.gates[p]
}

// Fail makes every later call of m return err; nil ends that.
func (h *Host) Fail(m Method, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.errors[m] = err
}

// Calls returns how often m was called, failed calls included.
func (h *Host) Calls(m Method) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.calls[m]
}

// Requests returns the requests of all generations so far, in the order of their calls.
func (h *Host) Requests() []*base.Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]*base.Request(nil), h.mu.requests...)
}

// Waiting returns how many generations are in the queue.
func (h *Host) Waiting() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.waiting
}

// Close makes every later call fail with ErrUnavailable.
func (h *Host) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.closed = true
	return nil
}

// enter counts a call of m and returns the error it must fail with, if any.
func (h *Host) enter(ctx context.Context, m Method) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.calls[m]++
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case h.mu.closed:
		return &base.Error{Sentinel: base.ErrUnavailable, Message: "the fake host is closed"}
	default:
		return h.mu.errors[m]
	}
}

// abortOn aborts when text contains word.
func (h *Host) abortOn(text, word string) error {
	if !strings.Contains(text, word) {
		return nil
	}
	if h.options.Abort != nil {
		h.options.Abort()
	}
	return &base.Error{Sentinel: base.ErrUnavailable, Message: "the fake host aborted"}
}

// Info implements base.Host.
func (h *Host) Info(ctx context.Context) (*base.Info, error) {
	if err := h.enter(ctx, Info); err != nil {
		return nil, err
	}
	return &base.Info{
		Model: base.ModelInfo{
			Path:         "fake.gguf",
			SHA256:       hash(h.options.Model),
			Bytes:        int64(len(h.options.Model)),
			Name:         "fake",
			Description:  "fake 1K",
			Architecture: "fake",
			Parameters:   1000,
			ContextTrain: 1 << 17,
			Embedding:    Width,
			Vocabulary:   Vocabulary,
			Tokenizer:    hash("words"),
		},
		Template: ChatTemplate,
		Runtime: base.RuntimeInfo{
			Backend: "fake", Version: "1", KVTypeK: "f16", KVTypeV: "f16", Threads: 1, BatchThreads: 1,
			Context: h.options.Context, Parallel: h.options.Parallel,
		},
		State: h.stateInfo(),
	}, nil
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// ApplyTemplate implements base.Host.
func (h *Host) ApplyTemplate(ctx context.Context, messages []base.Message) (string, error) {
	if err := h.enter(ctx, ApplyTemplate); err != nil {
		return "", err
	}
	text := Template(messages...)
	return text, h.abortOn(text, AbortText)
}

// Tokenize implements base.Host.
func (h *Host) Tokenize(ctx context.Context, text string, special bool) ([]base.Token, error) {
	if err := h.enter(ctx, Tokenize); err != nil {
		return nil, err
	}
	if err := h.abortOn(text, AbortText); err != nil {
		return nil, err
	}
	return h.remember(pieces(text, special)), nil
}

// remember keeps the texts of tokens and returns their ids.
func (h *Host) remember(ps []piece) []base.Token {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := make([]base.Token, len(ps))
	for i, p := range ps {
		ids[i] = p.id
		h.mu.pieces[p.id] = p.text
	}
	return ids
}

// textOf returns the text of tokens as far as this host made them.
func (h *Host) textOf(tokens []base.Token) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b strings.Builder
	for _, t := range tokens {
		if text, ok := h.mu.pieces[t]; ok {
			b.WriteString(text)
		} else {
			fmt.Fprintf(&b, "<%d>", t)
		}
	}
	return b.String()
}

// Embed implements base.Host.
func (h *Host) Embed(ctx context.Context, texts []string) (*base.Embeddings, error) {
	if err := h.enter(ctx, Embed); err != nil {
		return nil, err
	}
	if h.options.NoEmbed {
		return nil, &base.Error{Sentinel: base.ErrUnsupported, Message: "the fake model cannot embed"}
	}
	var e base.Embeddings
	for _, t := range texts {
		if err := h.abortOn(t, AbortText); err != nil {
			return nil, err
		}
		e.Vectors = append(e.Vectors, Vector(t))
		e.Usage.PromptTokens += len(Tokens(t, false))
	}
	return &e, nil
}
