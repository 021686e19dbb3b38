package fingerprint

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

func user(text string) []base.Message { return []base.Message{{Role: base.RoleUser, Content: text}} }

func TestCanonicalize_SubjectHangsOnTheForm(t *testing.T) {
	system := base.Message{Role: "system", Content: "s"}
	answer := base.Message{Role: "assistant", Content: "a"}
	for _, c := range []struct {
		name    string
		r       base.Request
		subject string
		approx  bool
	}{
		{"one question", base.Request{Messages: user("q")}, "q", true},
		{"question in context", base.Request{Messages: append([]base.Message{system, answer}, user("q")...)}, "q", true},
		{"empty question", base.Request{Messages: user("")}, "", true},
		{"answer last", base.Request{Messages: append(user("q"), answer)}, "", false},
		{"system only", base.Request{Messages: []base.Message{system}}, "", false},
		{"prompt", base.Request{Prompt: "q"}, "q", false},
		{"tokens", base.Request{Tokens: []base.Token{1, -2}}, "\x00\x00\x00\x01\xff\xff\xff\xfe", false},
	} {
		got := canonicalize(t, &c.r)
		if got.Subject != c.subject || got.Approximate != c.approx {
			t.Errorf("%s: subject %q, approximate %t; want %q, %t", c.name, got.Subject, got.Approximate, c.subject, c.approx)
		}
	}
}

// Requests in one group have one answer; requests of two groups may differ in it.
func TestCanonicalize_TellsApartWhatMayDiffer(t *testing.T) {
	seed := func(n uint32) *uint32 { return &n }
	negative := float32(math.Copysign(0, -1))
	sampled := func(s base.Sampling) base.Sampling { s.Temperature = 0.5; return s }
	bias := func(list ...base.LogitBias) base.Sampling { return base.Sampling{LogitBias: list} }
	groups := [][]base.Sampling{
		{
			{}, {Temperature: negative}, {TopK: 40}, {TopP: 0.5}, {MinP: 0.5}, {Seed: seed(1)}, {RepeatPenalty: 1},
			{RepeatLastN: 10}, {FrequencyPenalty: negative, PresencePenalty: negative, RepeatPenalty: negative},
			bias(base.LogitBias{Token: 4, Bias: negative}),
		},
		{sampled(base.Sampling{}), sampled(base.Sampling{TopP: 1}), sampled(base.Sampling{MinP: negative, TopP: negative}), sampled(base.Sampling{RepeatLastN: 5})},
		{sampled(base.Sampling{Seed: seed(0)})},
		{sampled(base.Sampling{Seed: seed(math.MaxUint32)})},
		{sampled(base.Sampling{TopK: 1})},
		{sampled(base.Sampling{TopP: 0.5})},
		{sampled(base.Sampling{MinP: 0.5})},
		{{RepeatPenalty: 1.5}, {RepeatPenalty: 1.5, RepeatLastN: 64}, {RepeatPenalty: 1.5, TopK: 3}},
		{{RepeatPenalty: 1.5, RepeatLastN: 63}},
		{{PresencePenalty: 1.5}, {PresencePenalty: 1.5, RepeatPenalty: 1}},
		{{FrequencyPenalty: 1.5}},
		{bias(base.LogitBias{Token: 1, Bias: 1}, base.LogitBias{Token: 2, Bias: 2}), bias(base.LogitBias{Token: 2, Bias: 2}, base.LogitBias{Token: 1, Bias: 1})},
		{bias(base.LogitBias{Token: 1, Bias: 2}, base.LogitBias{Token: 2, Bias: 1})},
		{bias(base.LogitBias{Token: 1, Bias: 1})},
		{bias(base.LogitBias{Token: 1, Bias: 1}, base.LogitBias{Token: 1, Bias: 1})},
		// (x + 1e6) - 1e6 and (x - 1e6) + 1e6 round differently.
		{bias(base.LogitBias{Token: 1, Bias: 1e6}, base.LogitBias{Token: 1, Bias: -1e6})},
		{bias(base.LogitBias{Token: 1, Bias: -1e6}, base.LogitBias{Token: 1, Bias: 1e6})},
		{bias(base.LogitBias{Token: -1, Bias: float32(math.Inf(-1))})},
		{{Grammar: "root ::= \"a\""}},
	}
	seen := map[string]int{}
	for g, group := range groups {
		for i, s := range group {
			got := string(canonicalize(t, &base.Request{Messages: user("q"), Sampling: s}).Bytes)
			if first, ok := seen[got]; ok && first != g {
				t.Errorf("%+v of group %d has the bytes of group %d", s, g, first)
			} else if !ok && i > 0 {
				t.Errorf("%+v has other bytes than the rest of group %d", s, g)
			}
			seen[got] = g
		}
	}
}

func TestCanonicalize_ManyBiasesOfOneTokenKeepTheirOrder(t *testing.T) {
	var want, list []base.LogitBias
	for token := range base.Token(4) {
		for i := range 20 {
			want = append(want, base.LogitBias{Token: token, Bias: float32(1 + (i*7)%20)})
		}
	}
	for i := range 20 { // the tokens in turn, downwards
		for token := 3; token >= 0; token-- {
			list = append(list, want[20*token+i])
		}
	}
	c := canonicalize(t, &base.Request{Prompt: "q", Sampling: base.Sampling{LogitBias: list}})
	r, err := ParseCanonical(c.Bytes, c.Subject)
	if err != nil || !slices.Equal(r.Sampling.LogitBias, want) {
		t.Errorf("got %v, %v; want %v", r, err, want)
	}
}

func TestCanonicalize_StopStringsAreASet(t *testing.T) {
	of := func(stop ...string) string {
		return string(canonicalize(t, &base.Request{Prompt: "q", Stop: stop}).Bytes)
	}
	if of("b", "a", "b") != of("a", "b") {
		t.Error("order or repetition of stop strings changes the bytes")
	}
	if of("ab") == of("a", "b") || of() == of("a") {
		t.Error("different stop strings have the same bytes")
	}
}

func TestCanonicalize_LeavesItsArgumentAlone(t *testing.T) {
	r := drawn()
	c := canonicalize(t, r)
	if r.Stop[0] != "\n\n" || r.Sampling.LogitBias[0].Token != 9 || len(r.Messages) != 2 {
		t.Errorf("the request was changed: %+v", r)
	}
	r.Messages[0].Content, r.Stop[0], r.Sampling.Grammar = "x", "x", "x"
	if got := canonicalize(t, drawn()); !slices.Equal(got.Bytes, c.Bytes) {
		t.Error("changing the request changed its canonical form")
	}
}

func TestCanonicalize_RefusesWhatIsNoRequest(t *testing.T) {
	nan := float32(math.NaN())
	for _, r := range []base.Request{
		{},
		{Prompt: "q", Tokens: []base.Token{1}},
		{Prompt: "\xff"},
		{Prompt: "q", Sampling: base.Sampling{Temperature: nan}},
		{Prompt: "q", Sampling: base.Sampling{LogitBias: []base.LogitBias{{Bias: nan}}}},
	} {
		if _, err := Canonicalize(&r); !errors.Is(err, base.ErrInvalid) {
			t.Errorf("%+v: error %v, want base.ErrInvalid", r, err)
		}
	}
}

func TestCanonicalize_DoesNotSeeHowJSONWasWritten(t *testing.T) {
	ways := []string{
		`{"Messages":[{"role":"system","content":"s"},{"role":"user","content":"q\u00e9"}],"Stop":["b","a"],
		  "Sampling":{"Temperature":0.5,"Seed":3,"LogitBias":[{"Token":1,"Bias":2},{"Token":5,"Bias":-1}]}}`,
		`{ "Sampling" : {"LogitBias":[{"Bias":-1.0,"Token":5},{"Bias":2e0,"Token":1}],"Seed":3,"Temperature":5e-1},
		   "MaxTokens": 9, "Stop":["a","b","a"],
		   "Messages":[{"content":"s","role":"system"},{"content":"qé","role":"user"}] }`,
		`{"Stop":["\u0061","b"],"Sampling":{"Seed":3,"TopP":1,"RepeatPenalty":1.0,"Temperature":0.50,
		  "LogitBias":[{"Token":5,"Bias":-1},{"Token":7,"Bias":0},{"Token":1,"Bias":2}]},"Tokens":[],"Prompt":"",
		  "Messages":[{"role":"system","content":"s"},{"role":"user","content":"q\u00E9"}]}`,
	}
	var keys []ID
	for _, way := range ways {
		var r base.Request
		if err := json.NewDecoder(strings.NewReader(way)).Decode(&r); err != nil {
			t.Fatal(err)
		}
		c := canonicalize(t, &r)
		keys = append(keys, ExactKey(Salt{1}, Namespace(Salt{1}, ID{2}, c), c.Subject))
	}
	if keys[0] != keys[1] || keys[0] != keys[2] {
		t.Errorf("one request written in three ways has keys %v", keys)
	}
}
