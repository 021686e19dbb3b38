package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/kvasir-cache/kvasir/hostapi"
	pb "github.com/kvasir-cache/kvasir/hostapi/process/pluginpb"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// connectPlugin serves a plugin in this process and returns a client of it.
func connectPlugin(t testing.TB, server pb.PluginServer) *PluginClient {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	s := pluginContract.newGRPCServer(nil)
	pb.RegisterPluginServer(s, server)
	done := make(chan error, 1)
	go func() { done <- s.Serve(listener) }()
	t.Cleanup(func() { s.Stop(); <-done })
	options := append(DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	conn, err := grpc.NewClient("passthrough:///plugin", options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return NewPluginClient(conn)
}

// making returns a server of f.
func making(f *Functions) *pluginServer {
	return &pluginServer{factory: func(context.Context, hostapi.Init) (*Functions, error) { return f, nil }}
}

// initialised returns a client of f after Init.
func initialised(t testing.TB, f *Functions) *PluginClient {
	t.Helper()
	c := connectPlugin(t, making(f))
	if _, _, err := c.Init(t.Context(), &hostapi.Init{}); err != nil {
		t.Fatal(err)
	}
	return c
}

func upper(_ context.Context, text string) (string, error) { return strings.ToUpper(text), nil }

func TestPluginInit_TellsBothSidesOfEachOther(t *testing.T) {
	var got hostapi.Init
	c := connectPlugin(t, &pluginServer{factory: func(_ context.Context, init hostapi.Init) (*Functions, error) {
		got = init
		return &Functions{
			Manifest:  hostapi.Manifest{Name: "n", Version: "1", Limits: hostapi.Limits{Steps: 7}},
			Normalize: upper,
			OnHit:     func(context.Context, *hostapi.Event) (*hostapi.Decision, error) { return nil, nil },
		}, nil
	}})
	sent := hostapi.Init{ABI: "1.0", Name: "acme", Features: []string{}, Config: json.RawMessage(`{"a":1}`), Limits: hostapi.Limits{MemoryBytes: 5}}
	m, explain, err := c.Init(t.Context(), &sent)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, sent)
	same(t, m, &hostapi.Manifest{
		Name: "n", Version: "1", Limits: hostapi.Limits{Steps: 7},
		Roles: []hostapi.Role{hostapi.RoleNormalize, hostapi.RoleOnHit},
	})
	if explain {
		t.Error("it says that it can explain")
	}
	if _, _, err := c.Init(t.Context(), &sent); !errors.Is(err, hostapi.ErrLoad) || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second Init: %v; want ErrLoad", err)
	}
}

func TestPluginInit_RefusesWhatCannotWork(t *testing.T) {
	roles := []hostapi.Role{hostapi.RoleScore}
	for want, factory := range map[string]Factory{
		"no such model":            func(context.Context, hostapi.Init) (*Functions, error) { return nil, errors.New("no such model") },
		"made nothing":             func(context.Context, hostapi.Init) (*Functions, error) { return nil, nil },
		"no function for any role": func(context.Context, hostapi.Init) (*Functions, error) { return &Functions{}, nil },
		`roles[0] is "score"`: func(context.Context, hostapi.Init) (*Functions, error) {
			return &Functions{Manifest: hostapi.Manifest{Roles: roles}, Normalize: upper}, nil
		},
		"no GPU": func(context.Context, hostapi.Init) (*Functions, error) { panic("no GPU") },
	} {
		_, _, err := connectPlugin(t, &pluginServer{factory: factory}).Init(t.Context(), &hostapi.Init{})
		if !errors.Is(err, hostapi.ErrLoad) || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), hostapi.ErrLoad.Error()) != 1 {
			t.Errorf("error %q; want ErrLoad once, with %q", err, want)
		}
	}
}

func TestPluginInit_SaysThatAHostIsNoPlugin(t *testing.T) {
	_, _, err := connectPlugin(t, pb.UnimplementedPluginServer{}).Init(t.Context(), &hostapi.Init{})
	if !errors.Is(err, hostapi.ErrLoad) || !strings.Contains(err.Error(), "it is no process plugin") {
		t.Errorf("error %v", err)
	}
}

func TestPluginClient_NeedsInit(t *testing.T) {
	c := connectPlugin(t, making(&Functions{Normalize: upper}))
	if _, err := c.Normalize(t.Context(), nil); !errors.Is(err, hostapi.ErrLoad) {
		t.Errorf("before Init: %v; want ErrLoad", err)
	}
}

func TestPluginServer_HasTheRolesOfItsFunctions(t *testing.T) {
	hook := func(context.Context, *hostapi.Event) (*hostapi.Decision, error) { return nil, nil }
	all := &Functions{
		Normalize: upper,
		Score:     func(context.Context, string, []string) ([]float32, error) { return nil, nil },
		Features:  func(context.Context, []string) ([][]uint64, error) { return nil, nil },
		OnLookup:  hook, OnHit: hook, OnMiss: hook, OnStore: hook, OnEvict: hook,
	}
	same(t, all.roles(), hostapi.Roles())

	c := initialised(t, &Functions{Normalize: upper})
	ctx := t.Context()
	frame := hostapi.AppendScoreFrame(nil, "q", []string{"c"})
	_, errScore := c.Score(ctx, frame)
	_, errFeatures := c.Features(ctx, hostapi.AppendFeaturesFrame(nil, nil))
	_, errExplain := c.Explain(ctx, frame)
	_, errHook := c.Hook(ctx, []byte(`{"hook":"on_hit"}`))
	_, errNoHook := c.Hook(ctx, []byte(`{"hook":"normalize"}`))
	for i, err := range []error{errScore, errFeatures, errExplain, errHook, errNoHook} {
		if !errors.Is(err, hostapi.ErrRole) {
			t.Errorf("call %d: %v; want ErrRole", i, err)
		}
	}
}

func TestPluginServer_RefusesBadInput(t *testing.T) {
	called := errors.New("called")
	c := initialised(t, &Functions{
		Normalize: func(context.Context, string) (string, error) { return "", called },
		Score:     func(context.Context, string, []string) ([]float32, error) { return nil, called },
		Features:  func(context.Context, []string) ([][]uint64, error) { return nil, called },
		Explain:   func(context.Context, string, string) (*hostapi.Explanation, error) { return nil, called },
		OnHit:     func(context.Context, *hostapi.Event) (*hostapi.Decision, error) { return nil, called },
	})
	frame := hostapi.AppendScoreFrame(nil, "q", []string{"c", "d"})
	for name, call := range map[string]func(ctx context.Context, in []byte) ([]byte, error){
		"normalize": c.Normalize, "score": c.Score, "features": c.Features, "explain": c.Explain, "hook": c.Hook,
	} {
		in := []byte("\xff\xff\xff\xff")
		if _, err := call(t.Context(), in); !errors.Is(err, hostapi.ErrOutput) || strings.Contains(err.Error(), "called") {
			t.Errorf("%s of %q: %v; want ErrOutput", name, in, err)
		}
	}
	if _, err := c.Score(t.Context(), append(frame, 0)); !errors.Is(err, hostapi.ErrOutput) {
		t.Errorf("a frame with a byte too many: %v", err)
	}
	if _, err := c.Explain(t.Context(), frame); !errors.Is(err, hostapi.ErrOutput) {
		t.Errorf("two candidates to explain: %v", err)
	}
	if _, err := c.Normalize(t.Context(), make([]byte, hostapi.MaxText+1)); !errors.Is(err, hostapi.ErrOutput) {
		t.Errorf("a long text: %v", err)
	}
}

func TestPluginServer_ChecksWhatItReturns(t *testing.T) {
	large := make([]uint64, hostapi.MaxFeatures)
	for i := range large {
		large[i] = uint64(i)
	}
	no := false
	c := initialised(t, &Functions{
		Normalize: func(context.Context, string) (string, error) { return "\xff", nil },
		Score:     func(context.Context, string, []string) ([]float32, error) { return []float32{1.5}, nil },
		Features: func(_ context.Context, texts []string) ([][]uint64, error) {
			sets := make([][]uint64, len(texts))
			for i := range sets {
				sets[i] = large
			}
			return sets, nil
		},
		Explain: func(context.Context, string, string) (*hostapi.Explanation, error) { return nil, nil },
		OnHit: func(context.Context, *hostapi.Event) (*hostapi.Decision, error) {
			return &hostapi.Decision{Store: &no}, nil
		},
	})
	ctx := t.Context()
	frame := hostapi.AppendScoreFrame(nil, "q", []string{"c"})
	_, errNormalize := c.Normalize(ctx, []byte("x"))
	_, errScore := c.Score(ctx, frame)
	_, errFeatures := c.Features(ctx, hostapi.AppendFeaturesFrame(nil, make([]string, 5))) // 40 MiB
	_, errExplain := c.Explain(ctx, frame)
	_, errHook := c.Hook(ctx, []byte(`{"hook":"on_hit"}`))
	for i, err := range []error{errNormalize, errScore, errFeatures, errExplain, errHook} {
		if !errors.Is(err, hostapi.ErrOutput) {
			t.Errorf("call %d: %v; want ErrOutput", i, err)
		}
	}
}

func TestPluginServer_TakesWhatALaterHostSays(t *testing.T) {
	c := initialised(t, &Functions{OnHit: func(_ context.Context, e *hostapi.Event) (*hostapi.Decision, error) {
		yes := e.Tenant == "t"
		return &hostapi.Decision{Accept: &yes}, nil
	}})
	out, err := c.Hook(t.Context(), []byte(`{"hook":"on_hit","tenant":"t","mood":"later"}`))
	if err != nil || string(out) != `{"accept":true}` {
		t.Errorf("decision %s, %v", out, err)
	}
}

func TestPluginServer_EndsACallAtItsBudget(t *testing.T) {
	c := initialised(t, &Functions{Normalize: func(ctx context.Context, _ string) (string, error) {
		<-ctx.Done()
		return "", fmt.Errorf("thinking: %w", ctx.Err())
	}})
	_, err := c.Normalize(WithBudget(t.Context(), time.Millisecond), nil)
	if !errors.Is(err, hostapi.ErrBudget) {
		t.Errorf("error %v; want ErrBudget", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.Normalize(ctx, nil); err != context.DeadlineExceeded {
		t.Errorf("the caller's deadline: %v", err)
	}
}

func TestPluginServer_ClosesItsFunctionsOnce(t *testing.T) {
	closed := 0
	s := making(&Functions{Normalize: upper, Close: func() error { closed++; return nil }})
	s.close()
	if closed != 0 {
		t.Error("closed before Init")
	}
	if _, err := s.Init(t.Context(), &pb.InitRequest{Init: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	s.close()
	if closed != 1 {
		t.Errorf("closed %d times", closed)
	}
}

func TestPluginErrors_SurviveTheTrip(t *testing.T) {
	for _, kind := range pluginContract.errors {
		sent := fmt.Errorf("query 3: %w: oh", kind.sentinel)
		got := pluginFailed(t.Context(), pluginContract.encodeError(sent))
		for _, other := range pluginContract.errors {
			if errors.Is(got, other.sentinel) != (other == kind) {
				t.Errorf("%v arrives as %v; Is(%v) = %v", sent, got, other.sentinel, errors.Is(got, other.sentinel))
			}
		}
		if got.Error() != sent.Error() || Lost(got) {
			t.Errorf("%q arrives as %q, lost: %t", sent, got, Lost(got))
		}
		foreign := pluginFailed(t.Context(), status.Error(kind.code, "from a plugin without details"))
		if want := kind.sentinel.Error() + ": from a plugin without details"; !errors.Is(foreign, kind.sentinel) || foreign.Error() != want {
			t.Errorf("code %v: %v; want %q", kind.code, foreign, want)
		}
	}
	hinted := fmt.Errorf("%w: %w", hostapi.ErrFailed, &base.Error{Sentinel: base.ErrInvalid, Message: "m", Hint: "h"})
	if got := pluginFailed(t.Context(), pluginContract.encodeError(hinted)); base.Hint(got) != "h" {
		t.Errorf("hint %q", base.Hint(got))
	}
}

// A plugin that asks a server of its own may return that server's status.
func TestPluginErrors_OfAnotherServerAreNotTheConnections(t *testing.T) {
	c := initialised(t, &Functions{Normalize: func(context.Context, string) (string, error) {
		return "", status.Error(codes.Unavailable, "model server is down")
	}})
	if _, err := c.Normalize(t.Context(), nil); !errors.Is(err, hostapi.ErrFailed) || Lost(err) {
		t.Errorf("error %v, lost: %t; want ErrFailed", err, Lost(err))
	}
	lost := pluginFailed(t.Context(), status.Error(codes.Unavailable, "error reading from server: EOF"))
	if !Lost(lost) || lost.Error() != "the connection to the plugin is lost: error reading from server: EOF" {
		t.Errorf("error %v", lost)
	}
	long := pluginFailed(t.Context(), status.Error(codes.NotFound, strings.Repeat("é", hostapi.MaxMessage)))
	if n := len(long.Error()); n > hostapi.MaxMessage || n < hostapi.MaxMessage-2 {
		t.Errorf("a long message has %d bytes; want about %d", n, hostapi.MaxMessage)
	}
	if got := pluginFailed(t.Context(), status.Error(codes.NotFound, "")); got.Error() != hostapi.ErrFailed.Error()+": it does not say why" {
		t.Errorf("error %v", got)
	}
}

func TestBudget_FitsIntoItsField(t *testing.T) {
	for d, want := range map[time.Duration]uint32{0: 0, -time.Second: 0, time.Second: 1e6, 1e6 * time.Hour: 1<<32 - 1} {
		if got := budgetOf(WithBudget(t.Context(), d)); got != want {
			t.Errorf("budget %v is %d µs; want %d", d, got, want)
		}
	}
	if got := budgetOf(t.Context()); got != 0 {
		t.Errorf("no budget is %d µs", got)
	}
}

// FuzzPluginServer gives the server what no host of ours would send. Whatever it is, the functions get
// what the contract promises, and what is returned holds to it.
func FuzzPluginServer(f *testing.F) {
	f.Add([]byte("text"))
	f.Add(hostapi.AppendScoreFrame(nil, "q", []string{"a", ""}))
	f.Add(hostapi.AppendFeaturesFrame(nil, []string{"a", ""}))
	f.Add([]byte(`{"hook":"on_store","request":{"prompt":"p"}}`))
	f.Add([]byte(`{"hook":"on_store","entry":{"tags":["a"]},"request":null}`))
	s := making(&Functions{
		Normalize: upper,
		Score: func(_ context.Context, _ string, candidates []string) ([]float32, error) {
			return make([]float32, len(candidates)), nil
		},
		Features: func(_ context.Context, texts []string) ([][]uint64, error) { return make([][]uint64, len(texts)), nil },
		OnStore: func(_ context.Context, e *hostapi.Event) (*hostapi.Decision, error) {
			return &hostapi.Decision{Topic: &e.Topic, Reason: e.Request.Prompt}, nil
		},
	})
	if _, err := s.Init(f.Context(), &pb.InitRequest{Init: []byte("{}")}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		ctx := t.Context()
		if m, err := s.Normalize(ctx, &pb.NormalizeRequest{Text: in}); err == nil && checkText(string(m.GetText())) != nil {
			t.Errorf("normal form %q", m.GetText())
		}
		if m, err := s.Score(ctx, &pb.ScoreRequest{Frame: in}); err == nil {
			query, candidates, _ := hostapi.DecodeScoreFrame(in)
			if again := hostapi.AppendScoreFrame(nil, query, candidates); !reflect.DeepEqual(again, in) {
				t.Errorf("frame %q is accepted, and is %q", in, again)
			}
			if _, err := hostapi.DecodeScores(m.GetFrame(), len(candidates)); err != nil {
				t.Error(err)
			}
		}
		if m, err := s.Features(ctx, &pb.FeaturesRequest{Frame: in}); err == nil {
			texts, _ := hostapi.DecodeFeaturesFrame(in)
			if _, err := hostapi.DecodeFeatures(m.GetFrame(), len(texts)); err != nil {
				t.Error(err)
			}
		}
		if m, err := s.Hook(ctx, &pb.HookRequest{Event: in}); err == nil {
			if _, err := hostapi.DecodeDecision(hostapi.RoleOnStore, m.GetDecision()); err != nil {
				t.Error(err)
			}
		}
	})
}

// FuzzPluginInit reads what a program says of itself when it starts.
func FuzzPluginInit(f *testing.F) {
	f.Add(uint32(hostapi.Version), []byte(`{"name":"n","roles":["score"],"scorer":{"class":"scan"}}`), "score")
	f.Add(uint32(0), []byte(nil), "normalize")
	f.Fuzz(func(t *testing.T, version uint32, manifest []byte, role string) {
		m, err := decodeInit(&pb.InitResponse{Version: version, Manifest: manifest, Roles: []string{role}})
		if err != nil {
			if !errors.Is(err, hostapi.ErrLoad) {
				t.Errorf("error %v; want ErrLoad", err)
			}
			return
		}
		if len(m.Roles) == 0 {
			t.Errorf("a manifest without a role: %+v", m)
		}
		for _, r := range m.Roles {
			if string(r) != role {
				t.Errorf("role %q of a plugin that has %q", r, role)
			}
		}
	})
}
