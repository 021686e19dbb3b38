package server

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

// What a stored answer takes over loopback, beside a handler that only reads the request and returns as many
// bytes.
func BenchmarkChat_StoredAnswer(b *testing.B) {
	f := start(b, hosttest.Options{}, func(o *Options) { o.Requests, o.Logger = nil, nil })
	body := chatBody("What is the capital of Niger?")
	same := f.send(b, "POST", chatPath, body).body
	control := http.NewServeMux()
	control.HandleFunc("POST "+chatPath, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, same)
	})
	for _, one := range []struct {
		name    string
		handler http.Handler
	}{{"kvasir", f.server.API()}, {"control", control}} {
		b.Run(one.name, func(b *testing.B) {
			f.api.Config.Handler = one.handler
			client := f.api.Client()
			b.ReportAllocs()
			for b.Loop() {
				r, err := client.Post(f.api.URL+chatPath, "application/json", strings.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				io.Copy(io.Discard, r.Body)
				r.Body.Close()
			}
		})
	}
}
