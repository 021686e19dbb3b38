package process

import (
	"context"
	"errors"
	"net"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

// connect serves b in this process and returns a client of it.
func connect(t *testing.T, b Backend) *Client {
	t.Helper()
	return connectTo(t, &hostPlugin{server: newServer(b, &ledger{})})
}

func connectTo(t *testing.T, p *hostPlugin) *Client {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	s := hostContract.newGRPCServer(nil)
	if err := p.GRPCServer(nil, s); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(listener) }()
	t.Cleanup(func() { s.Stop(); <-done })

	options := append(DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	conn, err := grpc.NewClient("passthrough:///host", options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return NewClient(conn)
}

// serving returns a Backend that gives h.
func serving(h Host) Backend {
	return BackendFunc(func(context.Context, LoadOptions, func(string, float64)) (Host, error) { return h, nil })
}

// loaded returns a client of h.
func loaded(t *testing.T, h Host) *Client {
	t.Helper()
	c := connect(t, serving(h))
	if _, err := c.Load(t.Context(), LoadOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	return c
}

func nothing(Chunk) error { return nil }

func TestClient_IsTheHostItReaches(t *testing.T) {
	h := hosttest.New(hosttest.Options{})
	c := loaded(t, h)
	ctx := t.Context()
	messages := []Message{{Role: RoleUser, Content: "where is Oslo?"}}

	wantInfo, _ := h.Info(ctx)
	if info, err := c.Info(ctx); err != nil || !reflect.DeepEqual(info, wantInfo) {
		t.Errorf("info %+v, %v; want %+v", info, err, wantInfo)
	}
	if text, err := c.ApplyTemplate(ctx, messages); err != nil || text != hosttest.Template(messages...) {
		t.Errorf("template %q, %v", text, err)
	}
	if tokens, err := c.Tokenize(ctx, "a b", true); err != nil || !reflect.DeepEqual(tokens, hosttest.Tokens("a b", true)) {
		t.Errorf("tokens %v, %v", tokens, err)
	}
	e, err := c.Embed(ctx, []string{"a", "b"})
	if err != nil || len(e.Vectors) != 2 || !reflect.DeepEqual(e.Vectors[1], hosttest.Vector("b")) {
		t.Errorf("embeddings %v, %v", e, err)
	}

	r := &Request{Messages: messages, Stop: []string{"nothing like it"}}
	var streamed strings.Builder
	got, err := c.Generate(ctx, r, func(ch Chunk) error { streamed.WriteString(ch.Text); return nil })
	want, _ := h.Generate(ctx, r, nothing)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("result %+v, %v; want %+v", got, err, want)
	}
	if streamed.String() != hosttest.AnswerMessages(messages...) {
		t.Errorf("streamed %q; want %q", streamed.String(), want.Text)
	}
}

func TestClient_Load_ReportsProgressAndInfo(t *testing.T) {
	h := hosttest.New(hosttest.Options{})
	var got LoadOptions
	c := connect(t, BackendFunc(func(_ context.Context, o LoadOptions, progress func(string, float64)) (Host, error) {
		got = o
		progress("reading", 0)
		progress("reading", progressStep/2) // too small a step to be sent
		progress("warming up", 0.9)
		return h, nil
	}))
	want := LoadOptions{Model: "m.gguf", Context: 9}
	var stages []string
	info, err := c.Load(t.Context(), want, func(stage string, done float64) { stages = append(stages, stage) })
	if err != nil || info.Runtime.Backend != "fake" || !reflect.DeepEqual(got, want) {
		t.Errorf("info %+v, %v, options %+v", info, err, got)
	}
	if !reflect.DeepEqual(stages, []string{"reading", "warming up", "ready"}) {
		t.Errorf("stages %q", stages)
	}
}

func TestClient_Load_IsDoneWhenItSaysSo(t *testing.T) {
	h := hosttest.New(hosttest.Options{})
	for range 100 {
		c := loaded(t, h)
		if _, err := c.Info(t.Context()); err != nil {
			t.Fatalf("right after the load: %v", err)
		}
	}
}

func TestClient_Load_OnceAndAgainAfterAFailure(t *testing.T) {
	failing := true
	c := connect(t, BackendFunc(func(context.Context, LoadOptions, func(string, float64)) (Host, error) {
		if failing {
			return nil, &Error{Sentinel: ErrModel, Message: "not a GGUF", Hint: "convert it"}
		}
		return hosttest.New(hosttest.Options{}), nil
	}))
	ctx := t.Context()
	if _, err := c.Info(ctx); !errors.Is(err, ErrUnavailable) || Lost(err) {
		t.Errorf("info before a load: %v; want ErrUnavailable from the host", err)
	}
	if _, err := c.Load(ctx, LoadOptions{}, nil); !errors.Is(err, ErrModel) || base.Hint(err) != "convert it" {
		t.Errorf("load: %v, hint %q", err, base.Hint(err))
	}
	failing = false
	if _, err := c.Load(ctx, LoadOptions{}, nil); err != nil {
		t.Errorf("second load: %v", err)
	}
	if _, err := c.Load(ctx, LoadOptions{}, nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("load of a second model: %v; want ErrInvalid", err)
	}
}

func TestClient_Generate_SaysStartedWhenItLeavesTheQueue(t *testing.T) {
	h := hosttest.New(hosttest.Options{Parallel: 1})
	queue, start := h.Hold(hosttest.AtQueue), h.Hold(hosttest.AtStart)
	c := loaded(t, h)
	started := make(chan struct{})
	ctx := base.WithStarted(t.Context(), func() { close(started) })
	done := make(chan error, 1)
	go func() {
		_, err := c.Generate(ctx, &Request{Prompt: "hello"}, nothing)
		done <- err
	}()
	<-queue.Arrived()
	select {
	case <-started:
		t.Error("started before it took a slot")
	default:
	}
	queue.Open()
	<-started // before a chunk: the next gate still holds it
	<-start.Arrived()
	start.Open()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// silent is a host that never says started.
type silent struct{ Host }

func (s silent) Generate(_ context.Context, r *Request, emit func(Chunk) error) (*Result, error) {
	return &Result{Text: "x"}, emit(Chunk{Text: "x"})
}

func TestClient_Generate_IsStartedBeforeAChunk(t *testing.T) {
	c := loaded(t, silent{hosttest.New(hosttest.Options{})})
	var started atomic.Bool
	ctx := base.WithStarted(t.Context(), func() { started.Store(true) })
	_, err := c.Generate(ctx, &Request{Prompt: "hello"}, func(Chunk) error {
		if !started.Load() {
			t.Error("chunk before started")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestClient_Generate_EndsWhenEmitFails(t *testing.T) {
	h := hosttest.New(hosttest.Options{Parallel: 1})
	c := loaded(t, h)
	full := errors.New("pipe is full")
	_, err := c.Generate(t.Context(), &Request{Prompt: hosttest.HangPrompt}, func(Chunk) error { return full })
	if err != full {
		t.Errorf("error %v; want the one emit returned", err)
	}
	// The only slot is free again, so the host has ended the hanging generation.
	if _, err := c.Generate(t.Context(), &Request{Prompt: "next"}, nothing); err != nil {
		t.Error(err)
	}
}

func TestClient_Generate_EndsWithItsContext(t *testing.T) {
	h := hosttest.New(hosttest.Options{Parallel: 1})
	c := loaded(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := c.Generate(ctx, &Request{Prompt: hosttest.HangPrompt}, func(Chunk) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) || Lost(err) {
		t.Errorf("error %v; want context.Canceled", err)
	}
	if _, err := c.Generate(t.Context(), &Request{Prompt: "next"}, nothing); err != nil {
		t.Error(err)
	}
}

func TestClient_PanicFailsItsRequestOnly(t *testing.T) {
	c := loaded(t, hosttest.New(hosttest.Options{}))
	_, err := c.Generate(t.Context(), &Request{Prompt: hosttest.PanicPrompt}, nothing)
	if err == nil || Lost(err) || !strings.Contains(err.Error(), "the prompt asked for it") {
		t.Errorf("error %v; want the panic's text", err)
	}
	if _, err := c.Generate(t.Context(), &Request{Prompt: "next"}, nothing); err != nil {
		t.Error(err)
	}
}

func TestClient_ErrorsOfTheHostArrive(t *testing.T) {
	h := hosttest.New(hosttest.Options{NoEmbed: true})
	c := loaded(t, h)
	if _, err := c.Embed(t.Context(), []string{"a"}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("embed: %v; want ErrUnsupported", err)
	}
	for _, m := range []hosttest.Method{hosttest.Info, hosttest.ApplyTemplate, hosttest.Tokenize, hosttest.Generate} {
		h.Fail(m, &Error{Sentinel: ErrOverloaded, Message: "full", Hint: "wait"})
	}
	_, errInfo := c.Info(t.Context())
	_, errTemplate := c.ApplyTemplate(t.Context(), []Message{{Role: RoleUser}})
	_, errTokenize := c.Tokenize(t.Context(), "a", false)
	_, errGenerate := c.Generate(t.Context(), &Request{Prompt: "a"}, nothing)
	for _, err := range []error{errInfo, errTemplate, errTokenize, errGenerate} {
		if !errors.Is(err, ErrOverloaded) || base.Hint(err) != "wait" || Lost(err) {
			t.Errorf("error %v, hint %q; want what the host returned", err, base.Hint(err))
		}
	}
}

func TestClient_RefusesWhatCannotTravel(t *testing.T) {
	h := hosttest.New(hosttest.Options{})
	c := loaded(t, h)
	ctx := t.Context()
	big := strings.Repeat("x", MaxMessage+1)
	_, errs := c.Generate(ctx, &Request{Prompt: big}, nothing)
	_, err1 := c.Tokenize(ctx, big, false)
	_, err2 := c.Embed(ctx, []string{big})
	_, err3 := c.ApplyTemplate(ctx, []Message{{Role: RoleUser, Content: big}})
	_, err4 := c.Tokenize(ctx, "\xff", false)
	_, err5 := c.Embed(ctx, []string{"a", "\xff"})
	_, err6 := c.ApplyTemplate(ctx, []Message{{Role: RoleUser, Content: "\xff"}})
	_, err7 := c.Generate(ctx, &Request{Prompt: "\xff"}, nothing)
	_, err8 := c.Load(ctx, LoadOptions{Template: "\xff"}, nil)
	for i, err := range []error{errs, err1, err2, err3, err4, err5, err6, err7, err8} {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("case %d: %v; want ErrInvalid", i, err)
		}
	}
	if n := h.Calls(hosttest.Generate) + h.Calls(hosttest.Tokenize) + h.Calls(hosttest.Embed); n != 0 {
		t.Errorf("%d calls reached the host", n)
	}
}

func TestClient_CarriesLargePrompts(t *testing.T) {
	c := loaded(t, hosttest.New(hosttest.Options{}))
	text := strings.Repeat("a", 32<<20)
	if tokens, err := c.Tokenize(t.Context(), text, false); err != nil || len(tokens) != 1 {
		t.Errorf("%d tokens, %v", len(tokens), err)
	}
}

func TestServer_NotesStartedRequestsBeforeTheyRun(t *testing.T) {
	dir := t.TempDir()
	h := hosttest.New(hosttest.Options{Parallel: 1})
	queue, start := h.Hold(hosttest.AtQueue), h.Hold(hosttest.AtStart)
	b := &hostPlugin{server: newServer(serving(h), newLedger(dir))}
	c := connectTo(t, b)
	if _, err := c.Load(t.Context(), LoadOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := c.Generate(WithNumber(t.Context(), 5), &Request{Prompt: "hello"}, nothing)
		done <- err
	}()
	<-queue.Arrived()
	if got := StartedNumbers(dir); len(got) != 0 {
		t.Errorf("in the queue, the ledger has %v", got)
	}
	queue.Open()
	<-start.Arrived()
	if got := StartedNumbers(dir); !got[5] {
		t.Errorf("started, the ledger has %v; want 5", got)
	}
	start.Open()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
