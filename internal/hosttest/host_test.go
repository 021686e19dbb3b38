package hosttest

import (
	"context"
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// stream runs r and returns the result and the text of its chunks.
func stream(t *testing.T, h *Host, r *base.Request) (*base.Result, string) {
	t.Helper()
	var b strings.Builder
	result, err := h.Generate(t.Context(), r, func(c base.Chunk) error { b.WriteString(c.Text); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return result, b.String()
}

func TestHost_AnswersWhatAnswerSays(t *testing.T) {
	h := New(Options{})
	messages := []base.Message{{Role: base.RoleUser, Content: "Where is Oslo?"}}
	tokens, err := h.Tokenize(t.Context(), Template(messages...), true)
	if err != nil {
		t.Fatal(err)
	}
	seed := uint32(7)
	sampled := base.Sampling{Temperature: 1, Seed: &seed}
	for want, r := range map[string]*base.Request{
		Answer("Where is Oslo?"):        {Prompt: "Where is Oslo?"},
		AnswerMessages(messages...):     {Messages: messages},
		AnswerSeed("Where is Oslo?", 7): {Prompt: "Where is Oslo?", Sampling: sampled},
	} {
		got, streamed := stream(t, h, r)
		if got.Text != want || streamed != want || got.FinishReason != base.FinishStop {
			t.Errorf("%+v: text %q, streamed %q; want %q", r, got.Text, streamed, want)
		}
	}
	if got, _ := stream(t, h, &base.Request{Tokens: tokens}); got.Text != AnswerMessages(messages...) {
		t.Errorf("the same tokens give %q; want %q", got.Text, AnswerMessages(messages...))
	}
}

func TestHost_CustomAnswerSeesTheTextOfTokens(t *testing.T) {
	h := New(Options{Answer: func(p string) string { return "you said: " + p }})
	tokens, _ := h.Tokenize(t.Context(), "hello there", true)
	if got, _ := stream(t, h, &base.Request{Tokens: tokens}); got.Text != "you said: hello there" {
		t.Errorf("text %q", got.Text)
	}
}

func TestHost_UnseededSamplesDiffer(t *testing.T) {
	h := New(Options{})
	r := &base.Request{Prompt: "dice", Sampling: base.Sampling{Temperature: 1}}
	first, _ := stream(t, h, r)
	second, _ := stream(t, h, r)
	if first.Text != AnswerSeed("dice", 1) || second.Text != AnswerSeed("dice", 2) {
		t.Errorf("texts %q and %q", first.Text, second.Text)
	}
}

func TestHost_HonoursMaxTokens(t *testing.T) {
	got, streamed := stream(t, New(Options{}), &base.Request{Prompt: "hello", MaxTokens: 2})
	want := strings.Join(strings.SplitAfterN(Answer("hello"), " ", 3)[:2], "")
	if got.Text != strings.TrimSpace(want) || streamed != got.Text || got.FinishReason != base.FinishLength || len(got.Tokens) != 2 {
		t.Errorf("%+v; want the first two words of %q", got, Answer("hello"))
	}
}

func TestHost_StopsAtAStopString(t *testing.T) {
	answer := Answer("hello")
	for cut := 1; cut+3 < len(answer); cut++ {
		stop := answer[cut : cut+3]
		at := strings.Index(answer, stop)
		got, streamed := stream(t, New(Options{ChunkTokens: 2}), &base.Request{Prompt: "hello", Stop: []string{"zzz", stop}})
		if got.Text != answer[:at] || streamed != got.Text || got.StopString != stop || got.FinishReason != base.FinishStop {
			t.Errorf("stop %q: %+v, streamed %q; want %q", stop, got, streamed, answer[:at])
		}
	}
}

func TestHost_RefusesWhatDoesNotFit(t *testing.T) {
	h := New(Options{Context: 3})
	if _, err := h.Generate(t.Context(), &base.Request{Prompt: "a b c"}, nil); !errors.Is(err, base.ErrInvalid) {
		t.Errorf("prompt longer than the context: %v", err)
	}
	if _, err := h.Generate(t.Context(), &base.Request{}, nil); !errors.Is(err, base.ErrInvalid) {
		t.Errorf("empty request: %v", err)
	}
}

func TestHost_QueueIsBoundedAndGatesHold(t *testing.T) {
	h := New(Options{Parallel: 1, Queue: 1})
	gate := h.Hold(AtStart)
	ask := func() error {
		_, err := h.Generate(t.Context(), &base.Request{Prompt: "x"}, func(base.Chunk) error { return nil })
		return err
	}
	results := make(chan error, 2)
	go func() { results <- ask() }()
	<-gate.Arrived() // holds the slot
	go func() { results <- ask() }()
	for h.Waiting() == 0 {
		runtime.Gosched() // the second one is on its way into the queue
	}
	if err := ask(); !errors.Is(err, base.ErrOverloaded) {
		t.Errorf("third request: %v; want ErrOverloaded", err)
	}
	gate.Pass()
	<-gate.Arrived()
	gate.Open()
	gate.Open()
	if err := errors.Join(<-results, <-results); err != nil {
		t.Error(err)
	}
	if n := h.Calls(Generate); n != 3 || len(h.Requests()) != 3 {
		t.Errorf("%d calls, %d requests; want 3", n, len(h.Requests()))
	}
}

func TestHost_SaysStarted(t *testing.T) {
	h := New(Options{})
	gate := h.Hold(AtStart)
	started := 0
	ctx := base.WithStarted(t.Context(), func() { started++ })
	done := make(chan error)
	go func() {
		_, err := h.Generate(ctx, &base.Request{Prompt: "x"}, func(base.Chunk) error { return nil })
		done <- err
	}()
	<-gate.Arrived()
	gate.Open()
	if err := <-done; err != nil || started != 1 {
		t.Errorf("%v, started %d times", err, started)
	}
}

func TestHost_CancelEndsAHang(t *testing.T) {
	h := New(Options{})
	for _, prompt := range []string{HangPrompt, BusyPrompt} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := h.Generate(ctx, &base.Request{Prompt: prompt}, func(base.Chunk) error { cancel(); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", prompt, err)
		}
	}
}

func TestHost_FailsOnRequest(t *testing.T) {
	h := New(Options{})
	for _, prompt := range []string{AbortPrompt, "please " + AbortPrompt} {
		_, err := h.Generate(t.Context(), &base.Request{Prompt: prompt}, func(base.Chunk) error { return nil })
		if !errors.Is(err, base.ErrUnavailable) {
			t.Errorf("%q: %v", prompt, err)
		}
	}
	forced := errors.New("forced")
	h.Fail(Tokenize, forced)
	if _, err := h.Tokenize(t.Context(), "x", false); err != forced {
		t.Errorf("tokenize: %v", err)
	}
	h.Fail(Tokenize, nil)
	if _, err := h.Tokenize(t.Context(), "x", false); err != nil {
		t.Errorf("tokenize: %v", err)
	}
	h.Close()
	if _, err := h.Info(t.Context()); !errors.Is(err, base.ErrUnavailable) {
		t.Errorf("info after Close: %v", err)
	}
}

func TestTokens_KeepTheText(t *testing.T) {
	text := "<|im_start|>user\nÅ 日本 don't,  stop <|im_end|>"
	var b strings.Builder
	for _, p := range pieces(text, true) {
		b.WriteString(p.text)
	}
	if b.String() != text {
		t.Errorf("pieces join to %q; want %q", b.String(), text)
	}
	if got := Tokens("<|im_end|>", true); !reflect.DeepEqual(got, []base.Token{Begin, TurnEnd}) {
		t.Errorf("special tokens %v", got)
	}
	if got := Tokens("<|im_end|>", false); len(got) != 7 {
		t.Errorf("plain text has %d tokens; want 7: < | im _ end | >", len(got))
	}
}

func TestVector_IsAUnitAndCloseForCloseTexts(t *testing.T) {
	dot := func(a, b []float32) (s float64) {
		for i := range a {
			s += float64(a[i]) * float64(b[i])
		}
		return s
	}
	a, b, c := Vector("the cat sat on the mat"), Vector("the cat sat on a mat"), Vector("quarterly revenue report")
	for _, v := range [][]float32{a, b, c, Vector("")} {
		if n := dot(v, v); math.Abs(n-1) > 1e-5 {
			t.Errorf("length² %v", n)
		}
	}
	if dot(a, b) <= dot(a, c) {
		t.Errorf("a·b = %v, a·c = %v; the first two are closer", dot(a, b), dot(a, c))
	}
}

func TestHost_ServesManyAtOnce(t *testing.T) {
	h := New(Options{Parallel: 4, Queue: 1000})
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			r, err := h.Generate(t.Context(), &base.Request{Prompt: "hello"}, func(base.Chunk) error { return nil })
			if err != nil || r.Text != Answer("hello") {
				t.Errorf("%v, %v", r, err)
			}
		})
	}
	wg.Wait()
}
