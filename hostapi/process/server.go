package process

import (
	"context"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pb "github.com/kvasir-cache/kvasir/hostapi/process/inferencepb"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// server answers gRPC calls from a Backend and the host it loads. Its handlers return plain errors;
// the interceptors in intercept.go put them on the wire.
type server struct {
	pb.UnimplementedInferenceServer
	backend Backend
	ledger  *ledger
	stops   stops

	mu struct {
		sync.Mutex
		loading bool
		host    base.Host // nil until a Load succeeded
	}
}

func newServer(b Backend, l *ledger) *server { return &server{backend: b, ledger: l} }

// loaded returns the host, or an error before Load.
func (s *server) loaded() (base.Host, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.host == nil {
		return nil, &base.Error{Sentinel: base.ErrUnavailable, Message: "no model is loaded"}
	}
	return s.mu.host, nil
}

// beginLoad claims the one load that may run; endLoad gives the claim back.
func (s *server) beginLoad() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.loading || s.mu.host != nil {
		return &base.Error{Sentinel: base.ErrInvalid, Message: "a model is already loaded or being loaded"}
	}
	s.mu.loading = true
	return nil
}

func (s *server) endLoad(h base.Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.loading = false
	s.mu.host = h
}

// close closes the loaded host, if there is one and it can be closed. A load that still runs is left
// to the end of the process.
func (s *server) close() {
	if h, err := s.loaded(); err == nil {
		closeHost(h)
	}
}

func closeHost(h base.Host) {
	if c, ok := h.(io.Closer); ok {
		_ = c.Close() // the process ends next; nobody is left to tell
	}
}

// Load implements the method of that name.
func (s *server) Load(m *pb.LoadRequest, stream grpc.ServerStreamingServer[pb.LoadProgress]) error {
	if err := s.beginLoad(); err != nil {
		return err
	}
	out := &sender[*pb.LoadProgress]{send: stream.Send}
	defer out.close()
	info, err := s.load(stream.Context(), decodeLoad(m), progressTo(out))
	if err != nil {
		return err
	}
	return out.put(&pb.LoadProgress{Stage: "ready", Done: 1, Info: encodeInfo(info)})
}

// load loads the model between beginLoad and endLoad. When it returns, requests find the host: the
// client may send one as soon as it reads that the load is done.
func (s *server) load(ctx context.Context, o base.LoadOptions, progress func(string, float64)) (*base.Info, error) {
	var loaded base.Host
	defer func() { s.endLoad(loaded) }()
	h, err := s.backend.Load(ctx, o, progress)
	if err != nil {
		return nil, err
	}
	info, err := h.Info(ctx)
	if err != nil {
		closeHost(h)
		return nil, fmt.Errorf("model %q: %w", o.Model, err)
	}
	loaded = h
	return info, nil
}

// progressStep is the least part of a load worth a message.
const progressStep = 0.002

// progressTo returns the progress function of a load. It sends the first call of each stage and
// then one for every progressStep.
func progressTo(out *sender[*pb.LoadProgress]) func(string, float64) {
	var mu sync.Mutex
	var lastStage string
	lastDone := -1.0
	return func(stage string, done float64) {
		mu.Lock()
		defer mu.Unlock()
		if stage == lastStage && done < lastDone+progressStep {
			return
		}
		lastStage, lastDone = stage, done
		_ = out.put(&pb.LoadProgress{Stage: utf8Text(stage), Done: done})
	}
}

// Info implements the method of that name.
func (s *server) Info(ctx context.Context, _ *pb.InfoRequest) (*pb.InfoResponse, error) {
	h, err := s.loaded()
	if err != nil {
		return nil, err
	}
	info, err := h.Info(ctx)
	if err != nil {
		return nil, err
	}
	return &pb.InfoResponse{Info: encodeInfo(info)}, nil
}

// ApplyTemplate implements the method of that name.
func (s *server) ApplyTemplate(ctx context.Context, m *pb.ApplyTemplateRequest) (*pb.ApplyTemplateResponse, error) {
	h, err := s.loaded()
	if err != nil {
		return nil, err
	}
	prompt, err := h.ApplyTemplate(ctx, decodeMessages(m.GetMessages()))
	return &pb.ApplyTemplateResponse{Prompt: prompt}, err
}

// Tokenize implements the method of that name.
func (s *server) Tokenize(ctx context.Context, m *pb.TokenizeRequest) (*pb.TokenizeResponse, error) {
	h, err := s.loaded()
	if err != nil {
		return nil, err
	}
	tokens, err := h.Tokenize(ctx, m.GetText(), m.GetSpecial())
	return &pb.TokenizeResponse{Tokens: tokens}, err
}

// Embed implements the method of that name.
func (s *server) Embed(ctx context.Context, m *pb.EmbedRequest) (*pb.EmbedResponse, error) {
	h, err := s.loaded()
	if err != nil {
		return nil, err
	}
	e, err := h.Embed(ctx, m.GetTexts())
	if err != nil {
		return nil, err
	}
	return encodeEmbeddings(e), nil
}

// Generate implements the method of that name.
func (s *server) Generate(m *pb.GenerateRequest, stream grpc.ServerStreamingServer[pb.GenerateEvent]) error {
	h, err := s.loaded()
	if err != nil {
		return err
	}
	r := DecodeRequest(m)
	if err := r.Validate(); err != nil {
		return err
	}
	out := &sender[*pb.GenerateEvent]{send: stream.Send}
	defer out.close()
	work, end := s.stops.begin(stream.Context(), m)
	defer end()
	ctx := base.WithStarted(work, func() {
		s.ledger.note(m.GetNumber())
		_ = out.put(startedEvent())
	})
	h, reports, err := withPlan(h, m.GetPlan())
	if err != nil {
		return err
	}
	err = generate(ctx, h, r, out)
	if failed := sendReport(stream.Context(), reports, out); err == nil {
		err = failed
	}
	return err
}

// generate runs r and sends what happens. Whatever the host forgets, started comes first.
func generate(ctx context.Context, h base.Host, r *base.Request, out *sender[*pb.GenerateEvent]) error {
	result, err := h.Generate(ctx, r, func(c base.Chunk) error {
		base.Started(ctx)
		return out.put(chunkEvent(c))
	})
	if err != nil {
		return err
	}
	base.Started(ctx)
	event := resultEvent(result)
	if err := checkSize("answer", event); err != nil {
		return err
	}
	return out.put(event)
}

func startedEvent() *pb.GenerateEvent {
	return &pb.GenerateEvent{Event: &pb.GenerateEvent_Started{Started: &pb.Started{}}}
}

func chunkEvent(c base.Chunk) *pb.GenerateEvent {
	return &pb.GenerateEvent{Event: &pb.GenerateEvent_Chunk{Chunk: &pb.Chunk{Text: c.Text, Tokens: c.Tokens}}}
}

func resultEvent(r *base.Result) *pb.GenerateEvent {
	return &pb.GenerateEvent{Event: &pb.GenerateEvent_Result{Result: encodeResult(r)}}
}

// checkSize refuses a message that the other side would not take.
func checkSize(what string, m proto.Message) error {
	if n := proto.Size(m); n > MaxMessage {
		return &base.Error{Sentinel: base.ErrInvalid,
			Message: fmt.Sprintf("the %s has %d bytes; at most %d fit in a message", what, n, MaxMessage)}
	}
	return nil
}
