package server

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/control"
	"github.com/kvasir-cache/kvasir/internal/hosttest"
	"github.com/kvasir-cache/kvasir/internal/ngram"
	"github.com/kvasir-cache/kvasir/internal/plugin"
)

// fakeModel is the engine over the fake host.
type fakeModel struct {
	engine  *engine.Engine
	host    *hosttest.Host
	loading atomic.Bool
	nowhere bool // there is no store
}

func (m *fakeModel) Answer(ctx context.Context, q *engine.Query, emit func(base.Chunk) error) (*engine.Answer, error) {
	return m.engine.Serve(ctx, q, func(ctx context.Context, emit func(base.Chunk) error) (*base.Result, error) {
		if m.loading.Load() {
			return nil, &base.Error{Sentinel: base.ErrUnavailable, Message: "the model is being loaded"}
		}
		return m.host.Generate(ctx, q.Request, emit)
	}, emit)
}

func (m *fakeModel) Stored(ctx context.Context, q *engine.Query, emit func(base.Chunk) error) (*engine.Answer, error) {
	none := func(context.Context, func(base.Chunk) error) (*base.Result, error) { return nil, engine.ErrNotStored }
	return engine.ServeFrom(ctx, m.engine, q, none, emit)
}

func (m *fakeModel) Why(ctx context.Context, q *engine.Query) (*engine.Why, error) {
	return m.engine.Why(ctx, q)
}

func (m *fakeModel) Host() base.Host {
	if m.loading.Load() {
		return nil
	}
	return m.host
}

func (m *fakeModel) Process() (pid int, deaths, refused uint64) { return 42, 1, 2 }

func (m *fakeModel) Store() control.Store {
	if m.nowhere {
		return nil
	}
	return m.engine
}

func (m *fakeModel) Plugins() []plugin.Status { return []plugin.Status{{Name: "acme"}} }

// fixture is a server over a fake model.
type fixture struct {
	*fakeModel
	server *Server
	api    *httptest.Server
	admin  *httptest.Server
	lines  *lines
}

const adminToken = "0123456789abcdef"

// start starts a server, whose options the test may change.
func start(t testing.TB, hosts hosttest.Options, change ...func(*Options)) *fixture {
	t.Helper()
	f := &fixture{fakeModel: &fakeModel{host: hosttest.New(hosts)}, lines: &lines{}}
	var err error
	if f.engine, err = engine.Open(engine.Options{Strategy: "default", Strategies: lowering}); err != nil {
		t.Fatal(err)
	}
	o := Options{Model: f.fakeModel, Name: "fake", Fingerprint: "fp_1", Token: adminToken, Settings: Settings{Control: true}, Logger: f.lines.logger(), Requests: f.lines.logger()}
	for _, c := range change {
		c(&o)
	}
	if f.server, err = New(o); err != nil {
		t.Fatal(err)
	}
	f.api, f.admin = httptest.NewServer(f.server.API()), httptest.NewServer(f.server.Admin())
	t.Cleanup(func() {
		f.api.Close()
		f.admin.Close()
		f.engine.Close()
	})
	return f
}

// lowering is a strategy to which case makes no difference.
func lowering(context.Context) ([]*engine.Strategy, error) {
	return []*engine.Strategy{{
		Name: "default", Normalizers: []engine.Normalizer{lower{}}, Generation: func() [16]byte { return [16]byte{1} },
		Grams: ngram.Spec{Unit: ngram.Char, Min: 2, Max: 3}, SearchFloor: 0.5, Floor: 0.5, Threshold: 0.7,
	}}, nil
}

type lower struct{}

func (lower) Normalize(_ context.Context, text string) (string, error) {
	return strings.ToLower(text), nil
}

// withTenants has tenants whose keys are their names with "-key".
func withTenants(tenants ...Tenant) func(*Options) {
	return func(o *Options) {
		for _, t := range tenants {
			t.Keys = append(t.Keys, sha256.Sum256([]byte(t.Name+"-key")))
			o.Settings.Tenants = append(o.Settings.Tenants, t)
		}
	}
}

// reply is an answer as a test looks at it.
type reply struct {
	status int
	header http.Header
	body   string
}

// send sends a request to the API; header lines follow the body, as "Name: value".
func (f *fixture) send(t testing.TB, method, path, body string, headers ...string) reply {
	t.Helper()
	return sendTo(t, f.api.URL, method, path, body, headers...)
}

// look sends a request to the admin listener.
func (f *fixture) look(t testing.TB, method, path, body string, headers ...string) reply {
	t.Helper()
	return sendTo(t, f.admin.URL, method, path, body, append([]string{"Authorization: Bearer " + adminToken}, headers...)...)
}

func sendTo(t testing.TB, url, method, path, body string, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(text)}
}

// chatBody is a chat with one message; more fields follow, as JSON.
func chatBody(prompt string, fields ...string) string {
	text, _ := json.Marshal(prompt)
	body := `{"model":"any","messages":[{"role":"user","content":` + string(text) + `}]`
	for _, field := range fields {
		body += "," + field
	}
	return body + "}"
}

const chatPath, textPath = "/v1/chat/completions", "/v1/completions"

// ask sends a chat and returns the answer, which has to be one.
func (f *fixture) ask(t testing.TB, body string, headers ...string) (reply, string) {
	t.Helper()
	r := f.send(t, "POST", chatPath, body, headers...)
	if r.status != http.StatusOK {
		t.Fatalf("%s: %d %s", body, r.status, r.body)
	}
	return r, at(t, r.body, "choices", 0, "message", "content").(string)
}

// at follows keys and indexes into JSON; what is not there is nil.
func at(t testing.TB, body string, path ...any) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return nil
			}
			v = list[step]
		}
	}
	return v
}

// events returns the data of the events of a stream.
func events(body string) (all []string) {
	lines := bufio.NewScanner(strings.NewReader(body))
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			all = append(all, data)
		}
	}
	return all
}

// said joins the texts of a choice of a streamed chat.
func said(t testing.TB, body string, choice int) (text string) {
	t.Helper()
	for _, e := range events(body) {
		if e == "[DONE]" {
			continue
		}
		if index := at(t, e, "choices", 0, "index"); index == float64(choice) {
			piece, _ := at(t, e, "choices", 0, "delta", "content").(string)
			text += piece
		}
	}
	return text
}

func wanted(prompt string) string {
	return hosttest.AnswerMessages(base.Message{Role: base.RoleUser, Content: prompt})
}

// eventually waits for something that comes by itself.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come to it: " + what)
		}
	}
}
