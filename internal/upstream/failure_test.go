package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/openai"
)

// says answers every request with a body.
type says struct {
	body   string
	events bool
}

func (s says) RoundTrip(*http.Request) (*http.Response, error) {
	kind := "application/json"
	if s.events {
		kind = "text/event-stream"
	}
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(s.body))}, nil
}

func TestFailure_KeepsStatusAndShapeWithoutTheKey(t *testing.T) {
	for _, test := range []struct {
		name     string
		handle   http.HandlerFunc
		want     openai.Error
		sentinel error
	}{
		{"what is wrong with a request", fails(400, `{"error":{"message":"too long: 9","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`),
			openai.Error{Status: 400, Message: "the upstream says: too long: 9", Type: "invalid_request_error", Param: "messages", Code: "context_length_exceeded"}, base.ErrInvalid},
		{"its own failure, with the key in it", fails(500, `{"error":{"message":"crashed with `+testKey+`\u0007"}}`),
			openai.Error{Status: 500, Message: "the upstream says: crashed with (key) ", Type: "server_error", Code: "upstream_error"}, base.ErrUnavailable},
		{"a wrong key, part of which is shown", fails(401, `{"error":{"message":"Incorrect API key provided: sk-very-***0123"}}`),
			openai.Error{Status: 401, Message: "the upstream refused the key that kvasir sent, or its use, with status 401", Type: "invalid_request_error", Code: "upstream_refused"}, base.ErrInvalid},
		{"a page", fails(502, `<html>`),
			openai.Error{Status: 502, Message: "the upstream answered with status 502", Type: "server_error", Code: "upstream_error"}, base.ErrUnavailable},
		{"a redirect, which is not followed", fails(302, ``, "Location", "http://127.0.0.1:1/"),
			openai.Error{Status: 502, Message: "the upstream answered with status 302", Type: "server_error", Code: "upstream_error"}, base.ErrUnavailable},
		{"a number for a code", fails(422, `{"error":{"message":"no","code":7}}`),
			openai.Error{Status: 422, Message: "the upstream says: no", Type: "server_error", Code: "7"}, base.ErrInvalid},
	} {
		f := newFake(t, test.handle)
		_, _, err := f.generate(t, question("?"))
		var known *openai.Error
		if !errors.As(err, &known) || *known != test.want || !errors.Is(err, test.sentinel) || !base.IsFinal(err) {
			t.Errorf("%s: %#v (%v)", test.name, known, err)
		}
		if f.calls() != 1 {
			t.Errorf("%s: %d tries", test.name, f.calls())
		}
	}
}

func TestRetry_SendsAgainWhatHasNotBegun(t *testing.T) {
	fine := stream(piece("fine"), stopped, done)
	f := newFake(t, inTurn(fails(503, ""), fails(429, "", "Retry-After", "3"), fine))
	if _, said, err := f.generate(t, question("?")); err != nil || said != "fine" {
		t.Fatalf("%v, %q", err, said)
	}
	if len(f.pauses) != 2 || f.pauses[0] < firstPause/2 || f.pauses[0] > firstPause || f.pauses[1] != 3*time.Second {
		t.Errorf("pauses %v", f.pauses)
	}
	for name, test := range map[string]struct {
		handle http.HandlerFunc
		tries  int
		after  time.Duration
	}{
		"always busy":         {fails(429, "", "Retry-After", "2"), 3, 2 * time.Second},
		"busy for long":       {fails(429, "", "Retry-After", "3600"), 1, time.Hour},
		"nothing left to pay": {fails(429, `{"error":{"message":"x","code":"insufficient_quota"}}`), 1, 0},
	} {
		f := newFake(t, test.handle)
		_, _, err := f.generate(t, question("?"))
		var failure *Failure
		if !errors.As(err, &failure) || !errors.Is(err, base.ErrOverloaded) || f.calls() != test.tries || failure.RetryAfter() != test.after {
			t.Errorf("%s: %v after %d tries, to be left alone for %v", name, err, f.calls(), failure.RetryAfter())
		}
	}
}

func TestRetry_DialsAgainAndSaysWhatIsWrong(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	pauses := 0
	h, err := Open(Options{URL: "http://" + address, Model: "m", Key: testKey, Retries: 3, Sleep: func(<-chan struct{}, time.Duration) { pauses++ }})
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Generate(t.Context(), question("?"), func(base.Chunk) error { return nil })
	if !errors.Is(err, base.ErrUnavailable) || !strings.Contains(err.Error(), "cannot be reached") || base.Hint(err) == "" || pauses != 3 || !base.IsFinal(err) {
		t.Errorf("%v after %d pauses", err, pauses)
	}
	showsNoKey(t, err)
}

func TestRetry_DoesNotOutlastTheCaller(t *testing.T) {
	f := newFake(t, fails(503, "", "Retry-After", "20"))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := f.host.Generate(ctx, question("?"), nil); !errors.Is(err, base.ErrUnavailable) || f.calls() != 1 {
		t.Errorf("%v after %d tries", err, f.calls())
	}
}

func TestOpen_RefusesAddressesWithSecrets(t *testing.T) {
	for url, fine := range map[string]bool{
		"http://127.0.0.1:8000/v1": true, "https://llm.example": true, "https://me:pw@llm.example/v1": false, "https://llm.example/v1?key=x": false,
		"https://llm.example/#x": false, "ftp://llm.example": false, "llm.example": false, "": false, "http://": false, "http:x": false,
	} {
		_, err := Open(Options{URL: url, Model: "m"})
		if (err == nil) != fine {
			t.Errorf("%s: %v", url, err)
		}
		if err != nil && strings.Contains(err.Error(), "pw") {
			t.Errorf("%v", err)
		}
	}
	if a, b := CleanURL("HTTPS://LLM.example/v1/"), CleanURL("https://llm.example/v1"); a != b {
		t.Errorf("%s and %s", a, b)
	}
	h, _ := Open(Options{URL: "http://127.0.0.1:1", Model: "m", Key: testKey})
	if text := fmt.Sprintf("%v %+v %#v", h, *h, *h); strings.Contains(text, testKey) {
		t.Errorf("a host shows its key: %s", text)
	}
}
