//go:build llama

package llama

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/atlas"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// atlasPath puts the shipped model where llama.cpp can open it.
func atlasPath(t testing.TB) string {
	t.Helper()
	path, err := atlas.Extract(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t testing.TB, o base.LoadOptions) *Host {
	t.Helper()
	if o.Model == "" {
		o.Model = atlasPath(t)
	}
	h, err := Load(t.Context(), o, func(string, float64) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.(*Host).Close() })
	return h.(*Host)
}

func ask(h base.Host, question string) (*base.Result, error) {
	return h.Generate(context.Background(), chat(question), func(base.Chunk) error { return nil })
}

func chat(question string) *base.Request {
	return &base.Request{Messages: []base.Message{{Role: base.RoleUser, Content: question}}}
}

func TestHost_AnswersEveryFactOfAtlas(t *testing.T) {
	for _, parallel := range []int{1, 4} {
		h := load(t, base.LoadOptions{Parallel: parallel, Queue: 1000})
		var all sync.WaitGroup
		wrong := make(chan string, len(atlas.Facts()))
		gate := make(chan struct{}, parallel*2)
		for _, fact := range atlas.Facts() {
			gate <- struct{}{}
			all.Go(func() {
				defer func() { <-gate }()
				got, err := ask(h, fact.Prompt)
				switch {
				case err != nil:
					wrong <- err.Error()
				case got.Text != fact.Answer || got.FinishReason != base.FinishStop:
					wrong <- fact.Prompt + " → " + got.Text + ", want " + fact.Answer
				}
			})
		}
		all.Wait()
		close(wrong)
		for w := range wrong {
			t.Errorf("%d in parallel: %s", parallel, w)
		}
	}
}

func TestHost_StreamsWhatItReturns(t *testing.T) {
	h := load(t, base.LoadOptions{})
	var streamed strings.Builder
	var tokens []base.Token
	got, err := h.Generate(t.Context(), chat("What is the capital of France?"), func(c base.Chunk) error {
		streamed.WriteString(c.Text)
		tokens = append(tokens, c.Tokens...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if streamed.String() != got.Text || len(tokens) != len(got.Tokens) {
		t.Errorf("streamed %q in %d tokens, result %q in %d", streamed.String(), len(tokens), got.Text, len(got.Tokens))
	}
	if got.Usage.PromptTokens != len(got.PromptTokens) || got.Usage.CompletionTokens != len(got.Tokens)+1 {
		t.Errorf("usage %+v for %d prompt tokens and %d answer tokens", got.Usage, len(got.PromptTokens), len(got.Tokens))
	}
	if got.Timings.Prefill <= 0 || got.Timings.Decode <= 0 {
		t.Errorf("timings %+v", got.Timings)
	}
}

func TestHost_TakesThePromptInThreeForms(t *testing.T) {
	h := load(t, base.LoadOptions{})
	messages := chat("What is the capital of Niger?")
	text, err := h.ApplyTemplate(t.Context(), messages.Messages)
	if err != nil {
		t.Fatal(err)
	}
	if want := "<|im_start|>user\nWhat is the capital of Niger?<|im_end|>\n<|im_start|>assistant\n"; !strings.HasSuffix(text, want) {
		t.Errorf("template gave %q, want it to end with %q", text, want)
	}
	tokens, err := h.Tokenize(t.Context(), text, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*base.Request{messages, {Prompt: text}, {Tokens: tokens}} {
		got, err := h.Generate(t.Context(), r, func(base.Chunk) error { return nil })
		if err != nil || !strings.Contains(got.Text, "Niamey") {
			t.Errorf("request %+v: %v, %v", r, got, err)
		}
	}
}

func TestHost_Sampling(t *testing.T) {
	h := load(t, base.LoadOptions{})
	seed := uint32(7)
	with := func(s base.Sampling) string {
		r := chat("What is the capital of Spain?")
		r.Sampling, r.MaxTokens = s, 40
		got, err := h.Generate(t.Context(), r, func(base.Chunk) error { return nil })
		if err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		return got.Text
	}
	greedy := with(base.Sampling{})
	if got := with(base.Sampling{Temperature: 1, TopK: 1, Seed: &seed}); got != greedy {
		t.Errorf("top-k 1 gave %q, greedy %q", got, greedy)
	}
	if got := with(base.Sampling{Temperature: 1, TopP: 1e-6, Seed: &seed}); got != greedy {
		t.Errorf("top-p near 0 gave %q, greedy %q", got, greedy)
	}
	if got := with(base.Sampling{Temperature: 1, MinP: 1, Seed: &seed}); got != greedy {
		t.Errorf("min-p 1 gave %q, greedy %q", got, greedy)
	}
	hot := base.Sampling{Temperature: 5, Seed: &seed}
	if a, b := with(hot), with(hot); a != b {
		t.Errorf("one seed gave %q and %q", a, b)
	}
	other := uint32(8)
	if a, b := with(hot), with(base.Sampling{Temperature: 5, Seed: &other}); a == b {
		t.Errorf("two seeds gave the same answer %q", a)
	}
	if a, b := with(base.Sampling{Temperature: 5}), with(base.Sampling{Temperature: 5}); a == b {
		t.Errorf("no seed gave the same answer twice: %q", a)
	}
	if got := with(base.Sampling{RepeatPenalty: 50, RepeatLastN: 200}); got == greedy {
		t.Errorf("a repeat penalty of 50 changed nothing: %q", got)
	}
	first, err := h.Tokenize(t.Context(), greedy, false)
	if err != nil {
		t.Fatal(err)
	}
	ban := base.Sampling{LogitBias: []base.LogitBias{{Token: first[0], Bias: float32(math.Inf(-1))}}}
	if got := with(ban); strings.HasPrefix(got, greedy[:1]) && got == greedy {
		t.Errorf("a forbidden first token was sampled: %q", got)
	}
}

func TestHost_GrammarHoldsTheAnswer(t *testing.T) {
	h := load(t, base.LoadOptions{})
	r := chat("What is the capital of Spain?")
	r.Sampling.Grammar = `root ::= "[" [0-9] [0-9] [0-9] "]"`
	for _, temperature := range []float32{0, 2} {
		r.Sampling.Temperature = temperature
		got, err := h.Generate(t.Context(), r, func(base.Chunk) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Text) != 5 || got.Text[0] != '[' || got.Text[4] != ']' || got.FinishReason != base.FinishStop {
			t.Errorf("temperature %v: answer %q, finish %q; the grammar allows three digits in brackets", temperature, got.Text, got.FinishReason)
		}
	}
}

func TestHost_StopStringEndsTheAnswer(t *testing.T) {
	h := load(t, base.LoadOptions{})
	r := chat("What is the capital of France?")
	r.Stop = []string{" is"}
	got, err := h.Generate(t.Context(), r, func(base.Chunk) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(got.Text, " is") || got.StopString != " is" || got.FinishReason != base.FinishStop {
		t.Errorf("text %q, stop %q, finish %q", got.Text, got.StopString, got.FinishReason)
	}
}

func TestHost_RefusesBadRequests(t *testing.T) {
	h := load(t, base.LoadOptions{})
	long := chat(strings.Repeat("What is the capital of France? ", 150))
	for name, c := range map[string]struct {
		r    *base.Request
		want string
	}{
		"empty":          {&base.Request{}, "the prompt is empty"},
		"too long":       {long, "the context of 512 tokens holds 511"},
		"grammar":        {&base.Request{Prompt: "x", Sampling: base.Sampling{Grammar: "root ::= ["}}, "the grammar does not parse"},
		"no root":        {&base.Request{Prompt: "x", Sampling: base.Sampling{Grammar: `a ::= "b"`}}, "the grammar does not parse"},
		"left recursion": {&base.Request{Prompt: "x", Sampling: base.Sampling{Grammar: `root ::= root "b" | "c"`}}, "the grammar does not parse"},
		"token":          {&base.Request{Tokens: []base.Token{1, 99999}}, "the vocabulary has 1024 tokens"},
		"negative token": {&base.Request{Tokens: []base.Token{-5}}, "the vocabulary has 1024 tokens"},
		"bias":           {&base.Request{Prompt: "x", Sampling: base.Sampling{LogitBias: []base.LogitBias{{Token: 5000}}}}, "logit bias names token 5000"},
		"utf-8":          {&base.Request{Prompt: "\xff"}, "not valid UTF-8"},
		"role":           {&base.Request{Messages: []base.Message{{Content: "x"}}}, "has no role"},
		"zero byte":      {chat("a\x00b"), "zero byte"},
		"endless text":   {&base.Request{Prompt: strings.Repeat("x", 1<<20)}, "the prompt has 1048576 bytes with its template"},
		"deep grammar":   {&base.Request{Prompt: "x", Sampling: base.Sampling{Grammar: "root ::= " + strings.Repeat("(", 90000)}}, "nests groups deeper than 100"},
		"dead end":       {&base.Request{Prompt: "x", Sampling: base.Sampling{Grammar: `root ::= "\x00"`}}, "the grammar allows no token here"},
	} {
		_, err := h.Generate(t.Context(), c.r, func(base.Chunk) error { return nil })
		if !errors.Is(err, base.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
	}
	if got, err := ask(h, "What is the capital of France?"); err != nil || !strings.Contains(got.Text, "Paris") {
		t.Errorf("after the refusals: %v, %v", got, err)
	}
}

func TestLoad_RefusesWhatItCannotLoad(t *testing.T) {
	model := atlasPath(t)
	whole, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	write := func(content []byte) string {
		path := t.TempDir() + "/m.gguf"
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		o    base.LoadOptions
		want string
	}{
		"missing":    {base.LoadOptions{Model: "/nonexistent/m.gguf"}, "no such file"},
		"not a GGUF": {base.LoadOptions{Model: write([]byte("PK\x03\x04 and more of a zip file"))}, "not a GGUF"},
		"empty":      {base.LoadOptions{Model: write(nil)}, "m.gguf"},
		"cut off":    {base.LoadOptions{Model: write(whole[:len(whole)/2])}, "cut off"},
		"too big":    {base.LoadOptions{Model: model, Context: 1 << 23, Parallel: 200}, "are free"},
		"KV type":    {base.LoadOptions{Model: model, KVType: "q9"}, `KV type "q9" is not known`},
		"KV no FA":   {base.LoadOptions{Model: model, KVType: "q8_0"}, "needs flash attention"},
		"adapter":    {base.LoadOptions{Model: model, Adapters: []base.AdapterInfo{{Path: model}}}, "adapter"},
		"parallel":   {base.LoadOptions{Model: model, Parallel: 5000}, "parallel is 5000"},
	} {
		h, err := Load(t.Context(), c.o, func(string, float64) {})
		if err == nil {
			h.(*Host).Close()
		}
		if !errors.Is(err, base.ErrModel) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
	}
}

func TestLoad_UnknownTemplateIsNamed(t *testing.T) {
	_, err := Load(t.Context(), base.LoadOptions{Model: atlasPath(t), Template: "{{ no such family }}"}, func(string, float64) {})
	if !errors.Is(err, base.ErrModel) || !strings.Contains(err.Error(), "no such family") || !strings.Contains(base.Hint(err), "chatml") {
		t.Errorf("error %v, hint %q", err, base.Hint(err))
	}
	named := load(t, base.LoadOptions{Template: "llama3"})
	text, err := named.ApplyTemplate(t.Context(), chat("x").Messages)
	if err != nil || !strings.Contains(text, "<|start_header_id|>user") {
		t.Errorf("template llama3 gave %q, %v", text, err)
	}
}

func TestHost_InfoNamesEveryPartOfTheIdentity(t *testing.T) {
	h := load(t, base.LoadOptions{FlashAttention: true, KVType: "q8_0", Rope: base.Rope{FrequencyBase: 20000}, Threads: 1, Parallel: 3})
	info, err := h.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.Model.SHA256 != atlas.SHA256 {
		t.Errorf("content hash %q, want %q", info.Model.SHA256, atlas.SHA256)
	}
	r := info.Runtime
	if r.KVTypeK != "q8_0" || r.KVTypeV != "q8_0" || !r.FlashAttention || r.Threads != 1 || r.Parallel != 3 || info.Rope.FrequencyBase != 20000 {
		t.Errorf("runtime %+v, rope %+v", r, info.Rope)
	}
	if r.SourceTree == "" || r.BuildFlags == "" || len(r.CPUFeatures) == 0 || info.Template == "" || len(info.Model.Tokenizer) != 64 {
		t.Errorf("parts are missing: %+v", info)
	}
	if r.KVBytes <= 0 || info.Model.Vocabulary != 1024 || info.Model.Parameters != 918656 {
		t.Errorf("figures: %+v, KV %d", info.Model, r.KVBytes)
	}
}

func TestHost_ClientThatGoesAwayFreesItsSlot(t *testing.T) {
	h := load(t, base.LoadOptions{Parallel: 1})
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		r := chat("What is the capital of France?")
		r.Sampling.LogitBias = endless(t, h)
		_, err := h.Generate(ctx, r, func(base.Chunk) error { cancel(); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("error %v, want Canceled", err)
		}
	}
	if got, err := ask(h, "What is the capital of France?"); err != nil || !strings.Contains(got.Text, "Paris") {
		t.Errorf("afterwards: %v, %v", got, err)
	}
}

// endless forbids the tokens that end an answer.
func endless(t *testing.T, h *Host) []base.LogitBias {
	t.Helper()
	var list []base.LogitBias
	for i := range base.Token(h.model.VocabularySize()) {
		if h.model.IsEnd(i) {
			list = append(list, base.LogitBias{Token: i, Bias: float32(math.Inf(-1))})
		}
	}
	if len(list) == 0 {
		t.Fatal("no token ends an answer")
	}
	return list
}

func TestHost_EmbedGivesUnitVectorsThatTellTextsApart(t *testing.T) {
	h := load(t, base.LoadOptions{})
	got, err := h.Embed(t.Context(), []string{"What is the capital of France?", "What is the capital of France?", "9 + 4"})
	if err != nil {
		t.Fatal(err)
	}
	dot := func(a, b []float32) (sum float64) {
		for i := range a {
			sum += float64(a[i]) * float64(b[i])
		}
		return sum
	}
	for i, v := range got.Vectors {
		if len(v) != h.info.Model.Embedding || math.Abs(dot(v, v)-1) > 1e-5 {
			t.Errorf("vector %d has %d numbers and length² %v", i, len(v), dot(v, v))
		}
	}
	if same, other := dot(got.Vectors[0], got.Vectors[1]), dot(got.Vectors[0], got.Vectors[2]); same < 0.99999 || other > 0.95 {
		t.Errorf("equal texts are %v alike, different ones %v", same, other)
	}
	if _, err := h.Embed(t.Context(), []string{strings.Repeat("word ", 2000)}); !errors.Is(err, base.ErrInvalid) {
		t.Errorf("a text that is too long: %v", err)
	}
}
