package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

func TestHostile_BodiesAreRefusedByName(t *testing.T) {
	f := start(t, hosttest.Options{})
	deep := strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)
	for body, param := range map[string]string{
		"":                          "",
		"{":                         "",
		"null":                      "",
		"[]":                        "",
		"{} {}":                     "",
		"\xff":                      "",
		chatBody("a") + "x":         "",
		`{"messages":` + deep + `}`: "",
		`{"messages":[{"role":"user","content":"` + "\xc3\x28" + `"}]}`: "",
		`{}`:                             "messages",
		`{"messages":null}`:              "messages",
		`{"Messages":[]}`:                "messages",
		`{"messages":[]}`:                "messages",
		`{"messages":"a"}`:               "messages",
		`{"messages":["a"]}`:             "messages[0]",
		`{"messages":[{"content":"a"}]}`: "messages[0].role",
		`{"messages":[{"role":"user"}]}`: "messages[0].content",
		`{"messages":[{"role":"king","content":"a"}]}`:                                            "messages[0].role",
		`{"messages":[{"role":"user","content":7}]}`:                                              "messages[0].content",
		`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}`: "messages[0].content[0].type",
		`{"messages":[{"role":"user","content":[{"type":"text"}]}]}`:                              "messages[0].content[0].text",
		`{"messages":[{"role":"assistant"}]}`:                                                     "messages[0].content",
		chatBody("a", `"model":3`):                                                                "model",
		chatBody("a", `"temperature":"hot"`):                                                      "temperature",
		chatBody("a", `"temperature":2.1`):                                                        "temperature",
		chatBody("a", `"temperature":1e999`):                                                      "temperature",
		chatBody("a", `"top_p":-1`):                                                               "top_p",
		chatBody("a", `"max_tokens":0`):                                                           "max_tokens",
		chatBody("a", `"max_tokens":1.5`):                                                         "max_tokens",
		chatBody("a", `"max_completion_tokens":"9"`):                                              "max_completion_tokens",
		chatBody("a", `"n":0`):                                                                    "n",
		chatBody("a", `"n":1000`):                                                                 "n",
		chatBody("a", `"stop":["a",3]`):                                                           "stop[1]",
		chatBody("a", `"stop":""`):                                                                "stop",
		chatBody("a", `"seed":1.5`):                                                               "seed",
		chatBody("a", `"stream":"yes"`):                                                           "stream",
		chatBody("a", `"stream_options":{}`):                                                      "stream_options",
		chatBody("a", `"logit_bias":{"the":1}`):                                                   "logit_bias",
		chatBody("a", `"logit_bias":{"5":101}`):                                                   "logit_bias.5",
		chatBody("a", `"logprobs":true`):                                                          "logprobs",
		chatBody("a", `"top_logprobs":2`):                                                         "top_logprobs",
		chatBody("a", `"functions":[]`):                                                           "functions",
		chatBody("a", `"modalities":["audio"]`):                                                   "modalities",
		chatBody("a", `"response_format":"json"`):                                                 "response_format",
		chatBody("a", `"response_format":{"type":"x"}`):                                           "response_format.type",
		chatBody("a", `"response_format":{"type":"json_schema"}`):                                 "response_format.json_schema",
		chatBody("a", `"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"string","pattern":"a"}}}`): "response_format.json_schema.schema.pattern",
		chatBody("a", `"tools":[{"type":"x"}]`):                                  "tools[0].type",
		chatBody("a", `"tools":[{"type":"function","function":{"name":"a b"}}]`): "tools[0].function.name",
		chatBody("a", `"tool_choice":"required"`):                                "tool_choice",
		chatBody("a", `"kvasir":{"threshold":2}`):                                "kvasir.threshold",
		chatBody("a", `"kvasir":7`):                                              "kvasir",
	} {
		r := f.send(t, "POST", chatPath, body, "Content-Type: application/json")
		got, _ := at(t, r.body, "error", "param").(string)
		if r.status != 400 || got != param || at(t, r.body, "error", "type") != "invalid_request_error" || at(t, r.body, "error", "message") == "" {
			t.Errorf("%.80q: %d %s, want 400 for %q", body, r.status, r.body, param)
		}
	}
	for body, param := range map[string]string{
		`{}`: "prompt", `{"prompt":""}`: "prompt", `{"prompt":[]}`: "prompt", `{"prompt":[[1,"a"]]}`: "prompt[0][1]", `{"prompt":[-1]}`: "prompt[0]",
		`{"prompt":"a","echo":true}`: "echo", `{"prompt":"a","suffix":"b"}`: "suffix", `{"prompt":"a","best_of":3}`: "best_of", `{"prompt":"a","logprobs":1}`: "logprobs",
		`{"prompt":["a","b"],"n":20}`: "n", `{"prompt":{}}`: "prompt",
	} {
		if r := f.send(t, "POST", textPath, body); r.status != 400 || at(t, r.body, "error", "param") != param {
			t.Errorf("%s: %d %s, want 400 for %q", body, r.status, r.body, param)
		}
	}
	if n := f.host.Calls(hosttest.Generate); n != 0 {
		t.Errorf("%d inferences", n)
	}
}

func TestHostile_RequestsAreRefused(t *testing.T) {
	f := start(t, hosttest.Options{}, func(o *Options) {
		o.Settings.MaxBody, o.Settings.Hosts, o.Settings.Origins = 1<<16, []string{"kvasir.example"}, []string{"https://Chat.example/"}
	})
	ok := chatBody("a")
	for _, test := range []struct {
		method, path, body string
		headers            []string
		status             int
	}{
		{"POST", chatPath, ok, nil, 200},
		{"POST", chatPath, ok, []string{"Content-Type: application/json; charset=UTF-8"}, 200},
		{"POST", chatPath, ok, []string{"Content-Type: text/plain"}, 415},
		{"POST", chatPath, ok, []string{"Content-Type: application/x-www-form-urlencoded"}, 415},
		{"POST", chatPath, ok, []string{"Content-Type: application/json; charset=latin1"}, 415},
		{"POST", chatPath, ok, []string{"Content-Type: "}, 415},
		{"POST", chatPath, ok, []string{"Content-Encoding: gzip"}, 415},
		{"POST", chatPath, strings.Repeat("x", 1<<17), nil, 413},
		{"GET", chatPath, "", nil, 405},
		{"DELETE", "/v1/models", "", nil, 405},
		{"HEAD", "/v1/models", "", nil, 200},
		{"GET", "/", "", nil, 404},
		{"GET", "/v1", "", nil, 404},
		{"GET", "/v1/models/", "", nil, 404},
		{"GET", "/v1/models/*", "", nil, 404},
		{"GET", "//v1/models", "", nil, 404},
		{"GET", "/v1/../v1/models", "", nil, 404},
		{"GET", "/v1/%2e%2e/v1/models", "", nil, 404},
		{"GET", "/v1/models/..%2f..%2fetc%2fpasswd", "", nil, 404},
		{"GET", "/v1/models/a%00b", "", nil, 404},
		{"GET", "/stats", "", nil, 404},
		{"GET", "/metrics", "", nil, 404},
		{"GET", "/v1/models", "", []string{"Host: evil.example"}, 421},
		{"GET", "/v1/models", "", []string{"Host: 127.0.0.1.evil.example"}, 421},
		{"GET", "/v1/models", "", []string{"Host: localhost.evil.example:8080"}, 421},
		{"GET", "/v1/models", "", []string{"Host: KVASIR.example:8080"}, 200},
		{"GET", "/v1/models", "", []string{"Host: localhost:1"}, 200},
		{"GET", "/v1/models", "", []string{"Host: [::1]:8080"}, 200},
		{"GET", "/health", "", []string{"Host: evil.example"}, 421},
		{"GET", "/v1/models", "", []string{"Origin: https://evil.example"}, 403},
		{"GET", "/v1/models", "", []string{"Origin: null"}, 403},
		{"GET", "/v1/models", "", []string{"Origin: http://localhost:1", "Host: localhost:2"}, 403},
		{"GET", "/v1/models", "", []string{"Origin: http://localhost:1", "Host: localhost:1"}, 200},
		{"GET", "/v1/models", "", []string{"Origin: https://chat.example"}, 200},
		{"OPTIONS", chatPath, "", []string{"Origin: https://chat.example"}, 204},
		{"OPTIONS", chatPath, "", []string{"Origin: https://evil.example"}, 403},
		{"OPTIONS", chatPath, "", nil, 405},
	} {
		r := f.send(t, test.method, test.path, test.body, test.headers...)
		if r.status != test.status {
			t.Errorf("%s %s %q: %d %s, want %d", test.method, test.path, test.headers, r.status, r.body, test.status)
		}
		if test.status >= 400 && test.method != "HEAD" && at(t, r.body, "error", "message") == nil {
			t.Errorf("%s %s %q: no error in %s", test.method, test.path, test.headers, r.body)
		}
	}
	r := f.send(t, "OPTIONS", chatPath, "", "Origin: https://chat.example")
	if r.header.Get("Access-Control-Allow-Origin") != "https://chat.example" || !strings.HasPrefix(r.header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("preflight %v", r.header)
	}
}

// serveLoop runs a server as kvasir serve does, and returns its address.
func serveLoop(t *testing.T, f *fixture) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := contextOf(t)
	ended := make(chan error, 1)
	go func() { ended <- f.server.Serve(ctx, Listeners{API: l, Drain: 0}) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func TestHostile_SlowBodies(t *testing.T) {
	f := start(t, hosttest.Options{}, withTenants(Tenant{Name: "a"}))
	f.server.bodyTime = 30 * time.Millisecond
	address := serveLoop(t, f)
	for key, want := range map[string]string{"a-key": "408", "wrong": "401"} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", key)
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		all, err := io.ReadAll(c) // the server closes the connection, since the rest of the body is still to come
		if fields := strings.Fields(string(all)); err != nil || len(fields) < 2 || fields[1] != want {
			t.Errorf("%s: %q, %v, want %s", key, all, err, want)
		}
	}
}

func TestHostile_RawBytes(t *testing.T) {
	f := start(t, hosttest.Options{}, func(o *Options) { o.Settings.MaxBody = 1 << 20 })
	address := serveLoop(t, f)
	for sent, want := range map[string]string{
		"GET /health HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X-Flood: "+strings.Repeat("y", 1000)+"\r\n", 100) + "\r\n": "431",
		"GET /health HTTP/1.1\r\n\r\n":                   "400",
		"GET /health HTTP/1.0\r\n\r\n":                   "421",
		"GET /health HTTP/9.9\r\nHost: a\r\n\r\n":        "505",
		"GET health HTTP/1.1\r\nHost: localhost\r\n\r\n": "400",
		"\x16\x03\x01\x00\x00\r\n\r\n":                   "400",
		"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n{":                                        "413",
		"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}":                          "400",
		"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n":                                  "400",
		"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n" + strings.Repeat(" ", 1<<21): "413",
		"GET /health HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nOrigin: http://evil\r\n\r\n":                                                                   "200", // the first counts, and is this server's own
	} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		go io.WriteString(c, sent)
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		line, err := bufio.NewReader(c).ReadString('\n')
		if fields := strings.Fields(line); err != nil || len(fields) < 2 || fields[1] != want {
			t.Errorf("%.90q: %q, %v, want %s", sent, line, err, want)
		}
		c.Close()
	}
	r, err := http.Get(fmt.Sprintf("http://%s/health", address))
	if err != nil || r.StatusCode != 200 {
		t.Errorf("afterwards: %v, %v", r, err)
	}
	r.Body.Close()
}
