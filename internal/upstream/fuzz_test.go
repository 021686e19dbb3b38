package upstream

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/openai"
)

// drips answers every request with a body of which each read returns one byte.
type drips struct{ says }

func (d drips) RoundTrip(q *http.Request) (*http.Response, error) {
	r, err := d.says.RoundTrip(q)
	if err == nil {
		r.Body = io.NopCloser(iotest.OneByteReader(r.Body))
	}
	return r, err
}

// answered is what a host makes of an answer.
type answered struct {
	result *base.Result
	said   string
	err    error
}

func answerOf(t *testing.T, transport http.RoundTripper) (a answered) {
	t.Helper()
	h, err := Open(Options{URL: "http://127.0.0.1:1", Model: "m", Key: testKey, Client: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	a.result, a.err = h.Generate(t.Context(), question("?"), func(c base.Chunk) error { said.WriteString(c.Text); return nil })
	a.said = said.String()
	return a
}

// checkAnswer holds an answer to what callers rely on: all of it was emitted, it says how it ended, its usage can be, and
// what its text says is no tool call.
func checkAnswer(t *testing.T, a answered) {
	t.Helper()
	if a.err != nil {
		checkError(t, a.err)
		return
	}
	r := a.result
	if r.Text != a.said || r.FinishReason == "" || r.Usage.PromptTokens < 0 || r.Usage.CompletionTokens < 0 || !utf8.ValidString(r.Text) {
		t.Fatalf("said %q, result %+v", a.said, r)
	}
	if n := strings.Count(r.Text, "\x1e"); n > 1 {
		t.Fatalf("%d marks of tool calls in %q", n, r.Text)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Fatal(err)
	}
}

// checkError holds an error to what a client may be shown.
func checkError(t *testing.T, err error) {
	t.Helper()
	showsNoKey(t, err)
	var known *openai.Error
	if !errors.As(err, &known) {
		if !errors.Is(err, base.ErrUnavailable) || !fits(err.Error(), mostMessage+200) {
			t.Fatalf("%T: %.300q", err, err)
		}
		return
	}
	body, encoding := openai.Encode(known)
	if encoding != nil || !json.Valid(body) || known.Status < 400 || known.Status > 599 || known.Message == "" || !fits(known.Message, mostMessage+200) {
		t.Fatalf("%+v: %s, %v", known, body, encoding)
	}
	for _, text := range []string{known.Type, known.Param, known.Code} {
		if !fits(text, 110) {
			t.Fatalf("%+v", known)
		}
	}
}

// fits reports whether a text may be shown: it has at most so many bytes, and nothing that steers a terminal.
func fits(text string, most int) bool {
	return len(text) <= most && utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// However a stream comes in pieces, the answer is the same; without [DONE] it is none.
func FuzzStream(f *testing.F) {
	for _, e := range []string{piece("a"), stopped, counted, `{"error":{"message":"x","code":"y"}}`, `{"choices":[{"delta":{"tool_calls":[{"index":9,"id":"x"}]}}]}`} {
		f.Add("data: " + e + "\n\ndata: " + stopped + "\n\ndata: [DONE]\n\n")
	}
	f.Fuzz(func(t *testing.T, body string) {
		a := answerOf(t, says{body, true})
		checkAnswer(t, a)
		if a.err == nil && !strings.Contains(body, "[DONE]") {
			t.Fatalf("%q broke off, and is the answer %+v", body, a.result)
		}
		if len(body) > 4<<10 {
			return // a byte at a time takes long
		}
		b := answerOf(t, drips{says{body, true}})
		if (a.err == nil) != (b.err == nil) || a.said != b.said || a.err == nil && (a.result.Text != b.result.Text || a.result.FinishReason != b.result.FinishReason) {
			t.Fatalf("%q is %+v, and in pieces %+v", body, a, b)
		}
	})
}

// An answer that comes whole is one, or an error.
func FuzzWhole(f *testing.F) {
	for _, body := range []string{
		`{"choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`,
		`{"choices":[{"message":{"tool_calls":[{"id":"1","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}`,
		`{"choices":[{"text":"a","finish_reason":"length"}]}`, `{"error":{"message":"x","code":429}}`, `null`, `{`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) { checkAnswer(t, answerOf(t, says{body, false})) })
}

// Whatever an upstream says of an error, it can be shown, and does not show the key.
func FuzzFailure(f *testing.F) {
	f.Add(400, "", `{"error":{"message":"x","type":"y","param":"z","code":7}}`)
	f.Add(429, "7", `{"error":"busy"}`)
	f.Add(503, "Fri, 31 Dec 1999 23:59:59 GMT", `{"message":"`+testKey+`"}`)
	f.Add(302, "-1", `<html>`)
	f.Fuzz(func(t *testing.T, status int, after, body string) {
		if status < 100 || status > 999 || status == http.StatusOK {
			return // net/http takes no other, and this is no error
		}
		h, err := Open(Options{URL: "http://127.0.0.1:1", Model: "m", Key: testKey})
		if err != nil {
			t.Fatal(err)
		}
		failure := h.failureOf(status, http.Header{"Retry-After": {after}}, []byte(body))
		checkError(t, failure)
		if failure.RetryAfter() < 0 || !base.IsFinal(failure) {
			t.Fatalf("%#v", failure)
		}
		if wait, again := pause(failure, 3); wait < 0 || again && wait > mostPause {
			t.Fatalf("a wait of %v", wait)
		}
	})
}

// Vectors are one for each text, or there is an error.
func FuzzEmbeddings(f *testing.F) {
	for _, body := range []string{`{"data":[{"index":1,"embedding":[3,4]},{"index":0,"embedding":[1,2]}],"usage":{"prompt_tokens":4}}`, `{"data":[{"index":-1,"embedding":[1e99]}]}`, `[]`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		h, err := Open(Options{URL: "http://127.0.0.1:1", Model: "m", Key: testKey, Client: &http.Client{Transport: says{body, false}}, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		e, err := h.Embed(t.Context(), []string{"a", "b"})
		if err != nil {
			checkError(t, err)
			return
		}
		if len(e.Vectors) != 2 || len(e.Vectors[0]) == 0 || len(e.Vectors[1]) == 0 || len(e.Vectors[0]) != len(e.Vectors[1]) || e.Usage.PromptTokens < 0 {
			t.Fatalf("%q: %+v", body, e)
		}
	})
}
