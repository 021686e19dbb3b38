package prochost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/hostapi/process"
	pb "github.com/kvasir-cache/kvasir/hostapi/process/pluginpb"
)

// pluginVariable makes the test binary a process plugin of the kind that it says.
const pluginVariable = "KVASIR_TEST_PLUGIN"

func pluginMain() {
	switch os.Getenv(pluginVariable) {
	case "":
		return
	case "garbage":
		fmt.Println("Welcome to my plugin!")
	case "raw":
		serveRaw()
		os.Exit(0)
	}
	process.ServePlugin(newTestPlugin)
	os.Exit(0)
}

// pluginStderr is standard error before go-plugin replaced it.
var pluginStderr = os.Stderr

// testConfig is the config of the test plugin.
type testConfig struct {
	Fail    string // makes Init fail
	Hang    bool   // makes Init hang
	Version string // a file with the plugin's version
}

func newTestPlugin(_ context.Context, init hostapi.Init) (*process.Functions, error) {
	var c testConfig
	if err := json.Unmarshal(init.Config, &c); err != nil {
		return nil, err
	}
	switch {
	case c.Hang:
		select {}
	case c.Fail == "exit":
		fmt.Fprintln(pluginStderr, "panic: no model here")
		os.Exit(3)
	case c.Fail != "":
		return nil, errors.New(c.Fail)
	}
	version, _ := os.ReadFile(c.Version)
	p := &process.Functions{
		Manifest:  hostapi.Manifest{Name: init.Name, Version: string(version)},
		Normalize: testNormalize, Score: testScore, Features: testFeatures, OnStore: testOnStore,
		Explain: func(_ context.Context, query, candidate string) (*hostapi.Explanation, error) {
			return &hostapi.Explanation{Verdict: "different", Reason: query + " is not " + candidate}, nil
		},
	}
	return p, nil
}

// testNormalize does what the text says, or writes it in capitals.
func testNormalize(ctx context.Context, text string) (string, error) {
	verb, rest, _ := strings.Cut(text, " ")
	switch verb {
	case "print":
		fmt.Println("stdout " + rest)
		fmt.Fprintln(os.Stderr, "stderr "+rest)
	case "fail":
		return "", errors.New(rest)
	case "panic":
		panic(rest)
	case "exit":
		fmt.Fprintln(pluginStderr, "panic: "+rest)
		os.Exit(3)
	case "polite":
		<-ctx.Done()
		return "", ctx.Err()
	case "sleep":
		d, _ := time.ParseDuration(rest)
		time.Sleep(d)
	case "hang":
		select {}
	case "invalid":
		return "\xff", nil
	case "long":
		return strings.Repeat("x", hostapi.MaxText+1), nil
	}
	return strings.ToUpper(text), nil
}

// testScore gives each candidate 1/(1+length), unless the query says otherwise.
func testScore(_ context.Context, query string, candidates []string) ([]float32, error) {
	scores := make([]float32, len(candidates))
	for i, c := range candidates {
		scores[i] = 1 / float32(1+len(c))
	}
	switch query {
	case "hang":
		select {}
	case "two":
		scores[0] = 2
	case "few":
		scores = scores[1:]
	}
	return scores, nil
}

// testFeatures gives each text its bytes, unless it is not in order.
func testFeatures(_ context.Context, texts []string) ([][]uint64, error) {
	sets := make([][]uint64, len(texts))
	for i, text := range texts {
		for _, c := range []byte(text) {
			sets[i] = append(sets[i], uint64(c))
		}
	}
	return sets, nil
}

// testOnStore forbids to store what a prompt asks to forget.
func testOnStore(_ context.Context, e *hostapi.Event) (*hostapi.Decision, error) {
	no := false
	switch e.Request.Prompt {
	case "forget":
		return &hostapi.Decision{Store: &no, Reason: "it was asked to"}, nil
	case "wrong":
		return &hostapi.Decision{Accept: &no}, nil
	}
	return nil, nil
}

// rawPlugin is a plugin on bare gRPC, as another language would have it, which breaks the contract.
type rawPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	pb.UnimplementedPluginServer
}

func serveRaw() {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: process.PluginHandshake,
		Plugins:         plugin.PluginSet{process.KindPlugin: &rawPlugin{}},
		GRPCServer:      plugin.DefaultGRPCServer,
	})
}

func (r *rawPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterPluginServer(s, r)
	return nil
}

func (r *rawPlugin) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("this is no client")
}

func (r *rawPlugin) Init(_ context.Context, m *pb.InitRequest) (*pb.InitResponse, error) {
	var init struct{ Config pb.InitResponse }
	err := json.Unmarshal(m.GetInit(), &init)
	return &init.Config, err
}

func (r *rawPlugin) Normalize(context.Context, *pb.NormalizeRequest) (*pb.NormalizeResponse, error) {
	return &pb.NormalizeResponse{Text: []byte("\xff")}, nil
}

func (r *rawPlugin) Score(context.Context, *pb.ScoreRequest) (*pb.ScoreResponse, error) {
	return &pb.ScoreResponse{Frame: hostapi.AppendScores(nil, []float32{2})}, nil
}

func (r *rawPlugin) Features(context.Context, *pb.FeaturesRequest) (*pb.FeaturesResponse, error) {
	return &pb.FeaturesResponse{Frame: hostapi.AppendFeatures(nil, [][]uint64{{2, 1}})}, nil
}

func (r *rawPlugin) Hook(context.Context, *pb.HookRequest) (*pb.HookResponse, error) {
	return &pb.HookResponse{Decision: []byte(`{"keep":true,"surprise":1}`)}, nil
}

func (r *rawPlugin) Explain(context.Context, *pb.ExplainRequest) (*pb.ExplainResponse, error) {
	return &pb.ExplainResponse{Explanation: []byte(`{"verdict":"perhaps"}`)}, nil
}

// pluginSetup is what a test needs around a Plugin.
type pluginSetup struct {
	options PluginOptions
	sockets string
	log     *logWatch
	clock   *manualClock
}

// newPluginSetup returns options for the test plugin with generous deadlines, since the machine may be
// busy.
func newPluginSetup(t testing.TB, role string) *pluginSetup {
	t.Helper()
	sockets, err := os.MkdirTemp("", "kv") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sockets) })
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &pluginSetup{sockets: sockets, log: newLogWatch(), clock: newManualClock()}
	s.options = PluginOptions{
		Name: "acme", Path: path, Env: []string{pluginVariable + "=" + role}, SocketDir: sockets,
		Deadline: time.Minute, BatchDeadline: time.Minute, RestartWait: time.Minute, Clock: s.clock,
		Logger: slog.New(slog.NewTextHandler(s.log, nil)),
	}
	return s
}

func (s *pluginSetup) configure(t testing.TB, config any) {
	t.Helper()
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	s.options.Config = data
}

// open opens the plugin and closes it when the test ends.
func (s *pluginSetup) open(t testing.TB) *Plugin {
	t.Helper()
	p, err := OpenPlugin(t.Context(), s.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// openFails opens a plugin that cannot be opened and returns the error, which is ErrLoad.
func (s *pluginSetup) openFails(t *testing.T) error {
	t.Helper()
	p, err := OpenPlugin(t.Context(), s.options)
	if err == nil {
		p.Close()
		t.Fatal("it opened")
	}
	if !errors.Is(err, hostapi.ErrLoad) || !strings.HasPrefix(err.Error(), `plugin "acme": the plugin cannot be loaded: `) {
		t.Errorf("error %q; want ErrLoad with the plugin's name", err)
	}
	s.mustBeTidy(t)
	return err
}

func (s *pluginSetup) mustBeTidy(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(s.sockets)
	if err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// killPlugin kills the process that serves now, waits until that is noticed, and returns its id.
func killPlugin(t *testing.T, p *Plugin) int {
	t.Helper()
	before := p.Status()
	c, err := p.supervisor.current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	killProcess(t, c.process.pid())
	<-c.gone
	if after := p.Status(); after.Deaths != before.Deaths+1 {
		t.Errorf("status %+v after the death; want one death more than %+v", after, before)
	}
	return c.process.pid()
}

func killProcess(t *testing.T, pid int) {
	t.Helper()
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// mustNormalize fails the test unless p answers.
func mustNormalize(t *testing.T, p *Plugin, text string) {
	t.Helper()
	if got, err := p.Normalize(t.Context(), text); err != nil || got != strings.ToUpper(text) {
		t.Errorf("normal form of %q is %q, %v", text, got, err)
	}
}

// startCall starts a normalize call that reaches the plugin, and returns the channel of its error.
func startCall(t *testing.T, p *Plugin, text string) <-chan error {
	t.Helper()
	result := make(chan error, 1)
	go func() {
		_, err := p.Normalize(t.Context(), text)
		result <- err
	}()
	for len(p.slots) == 0 && len(result) == 0 {
		time.Sleep(time.Millisecond)
	}
	return result
}

func repeat(text string, n int) []string { return slices.Repeat([]string{text}, n) }
