package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"google.golang.org/grpc"

	pb "github.com/kvasir-cache/kvasir/hostapi/process/inferencepb"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// Client is a host in another process. Errors carry the host's sentinels, messages and hints; when
// the connection breaks, calls fail with an error that is Lost. When the context of a call has
// ended, the call returns the context's error. The connection stays its maker's.
type Client struct {
	rpc pb.InferenceClient
}

var _ base.Host = (*Client)(nil)

// NewClient returns a client on conn, which should have been made with DialOptions.
func NewClient(conn grpc.ClientConnInterface) *Client {
	return &Client{rpc: pb.NewInferenceClient(conn)}
}

// failed returns the error of a call that ended with err.
func failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return hostContract.decodeError(err)
}

// invalidText returns an error when one of the strings cannot go over the wire.
func invalidText(what string, texts ...string) error {
	for i, s := range texts {
		if !utf8.ValidString(s) {
			return &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("%s %d is not valid UTF-8", what, i)}
		}
	}
	return nil
}

// Load makes the host load a model and returns what it loaded. It calls progress, if there is one,
// from this goroutine.
func (c *Client) Load(ctx context.Context, o LoadOptions, progress func(stage string, done float64)) (*Info, error) {
	if err := invalidText("load option", o.KVType, o.Template); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.rpc.Load(ctx, encodeLoad(&o))
	if err != nil {
		return nil, failed(ctx, err)
	}
	for {
		p, err := stream.Recv()
		switch {
		case err == io.EOF:
			return nil, errors.New("the inference host ended a load without saying what it loaded")
		case err != nil:
			return nil, failed(ctx, err)
		}
		if progress != nil {
			progress(p.GetStage(), p.GetDone())
		}
		if p.GetInfo() != nil {
			return decodeInfo(p.GetInfo()), nil
		}
	}
}

// Info implements Host.
func (c *Client) Info(ctx context.Context) (*Info, error) {
	m, err := c.rpc.Info(ctx, &pb.InfoRequest{})
	if err != nil {
		return nil, failed(ctx, err)
	}
	return decodeInfo(m.GetInfo()), nil
}

// ApplyTemplate implements Host.
func (c *Client) ApplyTemplate(ctx context.Context, messages []Message) (string, error) {
	for i, m := range messages {
		if err := invalidText(fmt.Sprintf("message %d, part", i), m.Role, m.Content); err != nil {
			return "", err
		}
	}
	req := &pb.ApplyTemplateRequest{Messages: encodeMessages(messages)}
	if err := checkSize("conversation", req); err != nil {
		return "", err
	}
	m, err := c.rpc.ApplyTemplate(ctx, req)
	if err != nil {
		return "", failed(ctx, err)
	}
	return m.GetPrompt(), nil
}

// Tokenize implements Host.
func (c *Client) Tokenize(ctx context.Context, text string, special bool) ([]Token, error) {
	if err := invalidText("text", text); err != nil {
		return nil, err
	}
	req := &pb.TokenizeRequest{Text: text, Special: special}
	if err := checkSize("text", req); err != nil {
		return nil, err
	}
	m, err := c.rpc.Tokenize(ctx, req)
	if err != nil {
		return nil, failed(ctx, err)
	}
	return m.GetTokens(), nil
}

// Embed implements Host.
func (c *Client) Embed(ctx context.Context, texts []string) (*Embeddings, error) {
	if err := invalidText("text", texts...); err != nil {
		return nil, err
	}
	req := &pb.EmbedRequest{Texts: texts}
	if err := checkSize("batch of texts", req); err != nil {
		return nil, err
	}
	m, err := c.rpc.Embed(ctx, req)
	if err != nil {
		return nil, failed(ctx, err)
	}
	return decodeEmbeddings(m), nil
}

// Generate implements Host. It calls Started with ctx when the host says that the request left the
// queue, and at the latest before the first chunk. Started and emit are called from this goroutine.
// WithNumber gives the request a number.
func (c *Client) Generate(ctx context.Context, r *Request, emit func(Chunk) error) (*Result, error) {
	req := EncodeRequest(r)
	req.Number = numberOf(ctx)
	if err := errors.Join(r.Validate(), passesNothing(r), checkSize("request", req)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // tells the host that nobody waits any more
	stream, err := c.rpc.Generate(ctx, req)
	if err != nil {
		return nil, failed(ctx, err)
	}
	return receive(ctx, stream, emit)
}

var errNoResult = errors.New("the inference host ended an answer without a result")

// receive reads the events of one generation to its result.
func receive(ctx context.Context, stream grpc.ServerStreamingClient[pb.GenerateEvent], emit func(Chunk) error) (*Result, error) {
	for {
		m, err := stream.Recv()
		switch {
		case err == io.EOF:
			return nil, errNoResult
		case err != nil:
			return nil, failed(ctx, err)
		}
		if result, err := take(ctx, m, emit); result != nil || err != nil {
			return result, err
		}
	}
}

// take handles one event, and returns the result if it is that.
func take(ctx context.Context, m *pb.GenerateEvent, emit func(Chunk) error) (*Result, error) {
	switch e := m.GetEvent().(type) {
	case *pb.GenerateEvent_Result:
		base.Started(ctx)
		return decodeResult(e.Result), nil
	case *pb.GenerateEvent_Chunk:
		base.Started(ctx)
		return nil, emit(Chunk{Text: e.Chunk.GetText(), Tokens: e.Chunk.GetTokens()})
	case *pb.GenerateEvent_Started:
		base.Started(ctx)
	}
	return nil, nil
}
