//go:build llama

package llama

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

func openModel(t testing.TB) *Model {
	t.Helper()
	m, err := LoadModel(t.Context(), atlasPath(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func openContext(t testing.TB, m *Model, sequences int) *Context {
	t.Helper()
	c, err := NewContext(m, ContextOptions{ContextSize: 512, Sequences: sequences, Batch: 512, Threads: 2, KVType: "f16"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// read puts tokens into a sequence and returns the logits after the last.
func read(t testing.TB, c *Context, sequence, position int, tokens []base.Token) []float32 {
	t.Helper()
	b := NewBatch(len(tokens))
	defer b.Close()
	for i, token := range tokens {
		b.Add(token, position+i, sequence, i == len(tokens)-1)
	}
	if err := c.Decode(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(c.Logits(len(tokens) - 1))
}

func TestModel_TextSurvivesTokens(t *testing.T) {
	m := openModel(t)
	for _, text := range []string{"", "Hello", "capital of Côte d'Ivoire", "日本語 😀", " leading", "a\nb\tc", "<|im_start|>user", strings.Repeat("long ", 5000)} {
		tokens, err := m.Tokenize(text, false)
		if err != nil {
			t.Fatal(err)
		}
		var back []byte
		for _, token := range tokens {
			back = m.AppendPiece(back, token, true)
		}
		if string(back) != text {
			t.Errorf("%.40q came back as %.40q", text, back)
		}
	}
	if _, err := m.Tokenize("\xff\xfe", false); !errors.Is(err, base.ErrInvalid) {
		t.Errorf("invalid UTF-8: %v", err)
	}
	special, _ := m.Tokenize("<|im_start|>", true)
	plain, _ := m.Tokenize("<|im_start|>", false)
	if len(special) != 1 || len(plain) < 2 {
		t.Errorf("a control token's name gave %v as control token and %v as plain text", special, plain)
	}
	if got := m.AppendPiece(nil, 1<<20, true); len(got) != 0 {
		t.Errorf("a token outside the vocabulary has the piece %q", got)
	}
}

func TestContext_StateGoesFromOneSequenceToAnother(t *testing.T) {
	m := openModel(t)
	c := openContext(t, m, 2)
	tokens, err := m.Tokenize(strings.Repeat("What is the capital of France? ", 12), false)
	if err != nil {
		t.Fatal(err)
	}
	head, tail := tokens[:64], tokens[64:]
	read(t, c, 0, 0, head)
	state, err := c.State(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := read(t, c, 0, len(head), tail)
	if err := c.SetState(1, state); err != nil {
		t.Fatal(err)
	}
	if first, last := c.Positions(1); first != 0 || last != len(head)-1 {
		t.Errorf("restored positions %d to %d, want 0 to %d", first, last, len(head)-1)
	}
	if got := read(t, c, 1, len(head), tail); !slices.Equal(got, want) {
		t.Error("logits after a restored beginning differ from those after a read one")
	}
	again, err := c.State(0, nil)
	if err != nil || bytes.Equal(again, state) {
		t.Errorf("the state of a longer sequence is the same: %v", err)
	}
}

func TestContext_RefusesStateThatDoesNotFit(t *testing.T) {
	m := openModel(t)
	c := openContext(t, m, 1)
	read(t, c, 0, 0, []base.Token{1, 2, 3, 4})
	state, err := c.State(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"empty": {}, "cut": state[:len(state)/2], "text": []byte("not a state"), "longer": append(slices.Clone(state), 0)} {
		if err := c.SetState(0, bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
		c.ClearAll()
	}
	if err := c.SetState(0, state); err != nil {
		t.Errorf("the good state afterwards: %v", err)
	}
}

func TestContext_EndedContextStopsDecode(t *testing.T) {
	m := openModel(t)
	c := openContext(t, m, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := NewBatch(512)
	defer b.Close()
	for i := range 512 {
		b.Add(5, i, 0, false)
	}
	// The abort may land after a short decode has ended, but hardly every time.
	stopped := 0
	for range 50 {
		switch err := c.Decode(ctx, b); {
		case errors.Is(err, context.Canceled):
			stopped++
		case err != nil:
			t.Fatalf("error %v, want Canceled", err)
		}
		c.Clear(0)
	}
	if stopped == 0 {
		t.Error("50 decodes with an ended context ran to their end")
	}
	read(t, c, 0, 0, []base.Token{1, 2, 3})
}

func TestContext_SequencesDoNotTouchEachOther(t *testing.T) {
	m := openModel(t)
	c := openContext(t, m, 2)
	tokens, _ := m.Tokenize("What is the capital of Nigeria?", false)
	alone := read(t, c, 0, 0, tokens)
	c.ClearAll()
	read(t, c, 1, 0, []base.Token{7, 8, 9, 10, 11})
	if beside := read(t, c, 0, 0, tokens); !slices.Equal(alone, beside) {
		t.Error("another sequence changed the logits")
	}
}
