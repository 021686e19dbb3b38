package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

// Whatever a client sends, the server does not fail, and answers JSON or a stream.
func FuzzAPI(f *testing.F) {
	for _, path := range []string{chatPath, textPath, "/v1/embeddings"} {
		for _, body := range []string{chatBody("a"), chatBody("a", `"stream":true`, `"n":2`), `{"prompt":["a",[1]],"input":"a"}`, `{"messages":[{"role":"tool","content":[]}]}`} {
			f.Add("POST", path, body, "no-cache", "0.5")
		}
	}
	f.Add("GET", "/v1/models/x", "", "", "")
	f.Add("OPTIONS", "*", "", "", "")
	fixture := start(f, hosttest.Options{Answer: func(string) string { return "<tool_call>{" }})
	handler := fixture.server.API()
	f.Fuzz(func(t *testing.T, method, path, body, caching, threshold string) {
		r, err := http.NewRequest("POST", "http://localhost/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Method, r.URL.Path = method, path
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Cache-Control", caching)
		r.Header.Set(headerThreshold, threshold)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusGatewayTimeout {
			t.Fatalf("%s %q %q: %d %s", method, path, body, w.Code, w.Body)
		}
		for name, values := range w.Header() {
			if strings.ContainsAny(strings.Join(values, ""), "\r\n") {
				t.Fatalf("header %s: %q", name, values)
			}
		}
	})
}
