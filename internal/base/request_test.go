package base

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestRequest_ValidateReportsEveryProblem(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for want, r := range map[string]*Request{
		"the prompt is empty":                      {},
		"one of messages, prompt and tokens":       {Prompt: "x", Tokens: []Token{1}},
		"max tokens is -1":                         {Prompt: "x", MaxTokens: -1},
		"stop string 0":                            {Prompt: "x", Stop: []string{""}},
		"65 stop strings":                          {Prompt: "x", Stop: make([]string, 65)},
		"temperature is NaN":                       {Prompt: "x", Sampling: Sampling{Temperature: nan}},
		"temperature is 1e-38":                     {Prompt: "x", Sampling: Sampling{Temperature: 1e-38}},
		"temperature is +Inf":                      {Prompt: "x", Sampling: Sampling{Temperature: inf}},
		"top-p is 1.5":                             {Prompt: "x", Sampling: Sampling{TopP: 1.5}},
		"repeat penalty is 1e-38":                  {Prompt: "x", Sampling: Sampling{RepeatPenalty: 1e-38}},
		"logit bias of token 3 is +Inf":            {Prompt: "x", Sampling: Sampling{LogitBias: []LogitBias{{3, inf}}}},
		"logit bias of token 4 is NaN":             {Prompt: "x", Sampling: Sampling{LogitBias: []LogitBias{{4, nan}}}},
		"the grammar nests groups deeper than 100": {Prompt: "x", Sampling: Sampling{Grammar: "root ::= " + strings.Repeat("(", 101) + `"a"` + strings.Repeat(")", 101)}},
	} {
		if err := r.Validate(); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
	both := &Request{Prompt: "x", MaxTokens: -1, Sampling: Sampling{TopK: -1}}
	if err := both.Validate(); !strings.Contains(err.Error(), "max tokens") || !strings.Contains(err.Error(), "top-k") {
		t.Errorf("error %v, want both problems", err)
	}
	good := &Request{Prompt: "x", Stop: []string{"a"}, Sampling: Sampling{Temperature: 0.7, TopK: 40, TopP: 1, MinP: 0.05, RepeatPenalty: 1,
		LogitBias: []LogitBias{{1, float32(math.Inf(-1))}}, Grammar: `root ::= "a"`}}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}

func TestGrammarDepth(t *testing.T) {
	for grammar, want := range map[string]int{
		``:                                 0,
		`root ::= "a" ("b" ("c") | ("d"))`: 2,
		`root ::= "((((" [(((] # (((`:      0,
		"root ::= \"\\\"((\" ( [\\](] )":   1,
		"# (((\nroot ::= (\"x\")":          1,
		`"((((`:                            0,
		`)))(`:                             0,
	} {
		if got := grammarDepth(grammar); got != want {
			t.Errorf("grammarDepth(%q) = %d, want %d", grammar, got, want)
		}
	}
}

func FuzzGrammarDepth(f *testing.F) {
	f.Add(`root ::= ("a" [\\]])`)
	f.Fuzz(func(t *testing.T, text string) {
		if got := grammarDepth(text); got < 0 || got > strings.Count(text, "(") {
			t.Errorf("grammarDepth(%q) = %d", text, got)
		}
	})
}
