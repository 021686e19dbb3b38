package upstream

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/openai"
)

// Host is a model behind an upstream. Its methods may be called from many goroutines.
type Host struct {
	options Options
	key     secret
}

var _ base.StateChecker = (*Host)(nil)

// secret returns a key. As a function it has no text, so that whoever prints what holds it prints no key.
type secret func() string

// Open returns a host. It asks the upstream nothing.
func Open(o Options) (*Host, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	h := &Host{options: o, key: func() string { return o.Key }}
	h.options.Key = ""
	return h, nil
}

const connectTime = 10 * time.Second

// newClient returns a client that leads no key to another place, and waits as long as the caller does.
func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: connectTime, KeepAlive: 30 * time.Second}).DialContext
	transport.MaxIdleConnsPerHost = 64
	transport.MaxResponseHeaderBytes = 64 << 10
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close ends connections that nobody uses.
func (h *Host) Close() error {
	h.options.Client.CloseIdleConnections()
	return nil
}

const elsewhere = "the model is behind an upstream, which keeps its state and its tokens"

// Info implements base.Host.
func (h *Host) Info(context.Context) (*base.Info, error) {
	return &base.Info{
		Model: base.ModelInfo{Name: h.options.Model, Description: h.options.Model + " at " + h.options.URL},
		State: base.StateInfo{Class: "none", Reason: elsewhere},
	}, nil
}

func unsupported() error { return &base.Error{Sentinel: base.ErrUnsupported, Message: elsewhere} }

// ApplyTemplate implements base.Host. The upstream has the template.
func (h *Host) ApplyTemplate(context.Context, []base.Message) (string, error) {
	return "", unsupported()
}

// Tokenize implements base.Host. The upstream has the vocabulary.
func (h *Host) Tokenize(context.Context, string, bool) ([]base.Token, error) {
	return nil, unsupported()
}

// GenerateState implements base.StateHost, without state.
func (h *Host) GenerateState(ctx context.Context, r *base.Request, plan *base.StatePlan, emit func(base.Chunk) error) (*base.Result, error) {
	result, err := h.Generate(ctx, r, emit)
	if plan.Done != nil {
		plan.Done(&base.StateReport{Trouble: elsewhere})
	}
	return result, err
}

// Prefill implements base.StateHost.
func (h *Host) Prefill(context.Context, []base.Token, *base.StatePlan) (*base.StateReport, error) {
	return nil, unsupported()
}

// CheckState implements base.StateChecker.
func (h *Host) CheckState(context.Context, []int, func(float64)) (*base.StateCheck, error) {
	return nil, unsupported()
}

// Embed implements base.Host.
func (h *Host) Embed(ctx context.Context, texts []string) (*base.Embeddings, error) {
	body, err := json.Marshal(map[string]any{"model": h.options.Model, "input": texts, "encoding_format": "float"})
	if err != nil {
		return nil, err
	}
	r, err := h.begin(ctx, "/embeddings", body)
	if err != nil {
		return nil, err
	}
	defer r.close()
	var answer struct {
		Data  vectors      `json:"data"`
		Usage openai.Usage `json:"usage"`
	}
	if err := r.json(&answer, mostAnswer); err != nil {
		return nil, err
	}
	e := &base.Embeddings{Vectors: make([][]float32, len(texts)), Usage: base.Usage{PromptTokens: max(0, answer.Usage.PromptTokens)}}
	for _, d := range answer.Data {
		if d.Index < 0 || d.Index >= len(texts) {
			return nil, broken("it numbers a vector %d of %d", d.Index, len(texts))
		}
		e.Vectors[d.Index] = d.Embedding
	}
	for i, v := range e.Vectors {
		if len(v) == 0 {
			return nil, broken("it has no vector for text %d", i)
		}
		if len(v) != len(e.Vectors[0]) {
			return nil, broken("its vectors have %d and %d numbers", len(e.Vectors[0]), len(v))
		}
	}
	return e, nil
}
