package fingerprint

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// leaves lists the fields of a type that hold no further fields, as "Model.SHA256" or
// "Messages[].Role". A field of a kind it does not know is listed, so that a test meets it.
func leaves(t reflect.Type, path string) []string {
	switch t.Kind() {
	case reflect.Struct:
		var list []string
		for i := range t.NumField() {
			name := t.Field(i).Name
			if path != "" {
				name = path + "." + name
			}
			list = append(list, leaves(t.Field(i).Type, name)...)
		}
		return list
	case reflect.Slice:
		return leaves(t.Elem(), path+"[]")
	case reflect.Pointer:
		return leaves(t.Elem(), path)
	default:
		return []string{path}
	}
}

// sameNames fails unless a test's table decides about every field of a type, and no other.
func sameNames[V any](t *testing.T, of reflect.Type, table map[string]V) {
	t.Helper()
	want := leaves(of, "")
	for _, path := range want {
		if _, ok := table[path]; !ok {
			t.Errorf("%v has a field %s: decide whether it can change an answer, encode it if so, and add it here", of, path)
		}
	}
	for path := range maps.Keys(table) {
		if !slices.Contains(want, path) {
			t.Errorf("%v has no field %s", of, path)
		}
	}
}

// change says what a change of one field of a request does.
type change struct {
	apply func(r *base.Request)
	want  effect
}

type effect int

const (
	nothing   effect = iota
	inSubject        // the key changes, the namespace does not
	inBytes          // the namespace changes
)

func set(want effect, apply func(r *base.Request)) change { return change{apply, want} }

// drawn is a request in which every parameter has an effect and none has its neutral value.
func drawn() *base.Request {
	seed := uint32(7)
	return &base.Request{
		Messages: []base.Message{{Role: "system", Content: "Be brief."}, {Role: "user", Content: "Where is Niamey?"}},
		Stop:     []string{"\n\n", "END"},
		Sampling: base.Sampling{
			Temperature: 0.75, TopK: 40, TopP: 0.95, MinP: 0.0625, Seed: &seed,
			RepeatPenalty: 1.125, RepeatLastN: 32, FrequencyPenalty: 0.5, PresencePenalty: -0.25,
			LogitBias: []base.LogitBias{{Token: 9, Bias: 1.5}, {Token: 3, Bias: -100}},
			Grammar:   "root ::= [a-z]+",
		},
		MaxTokens: 100,
		Passed:    []base.Passed{{Name: "tool", Value: `[1, 2]`}},
	}
}

func TestCanonicalize_EveryFieldOfARequestIsDecidedUpon(t *testing.T) {
	table := map[string]change{
		"Messages[].Role":           set(inBytes, func(r *base.Request) { r.Messages[0].Role = "developer" }),
		"Messages[].Content":        set(inBytes, func(r *base.Request) { r.Messages[0].Content += " " }),
		"Prompt":                    set(inBytes, func(r *base.Request) { r.Messages, r.Prompt = nil, "Where is Niamey?" }),
		"Tokens[]":                  set(inBytes, func(r *base.Request) { r.Messages, r.Tokens = nil, []base.Token{5} }),
		"MaxTokens":                 set(nothing, func(r *base.Request) { r.MaxTokens++ }),
		"Stop[]":                    set(inBytes, func(r *base.Request) { r.Stop[0] += "\n" }),
		"Sampling.Temperature":      set(inBytes, func(r *base.Request) { r.Sampling.Temperature += 0.125 }),
		"Sampling.TopK":             set(inBytes, func(r *base.Request) { r.Sampling.TopK++ }),
		"Sampling.TopP":             set(inBytes, func(r *base.Request) { r.Sampling.TopP -= 0.125 }),
		"Sampling.MinP":             set(inBytes, func(r *base.Request) { r.Sampling.MinP += 0.125 }),
		"Sampling.RepeatPenalty":    set(inBytes, func(r *base.Request) { r.Sampling.RepeatPenalty += 0.125 }),
		"Sampling.RepeatLastN":      set(inBytes, func(r *base.Request) { r.Sampling.RepeatLastN++ }),
		"Sampling.FrequencyPenalty": set(inBytes, func(r *base.Request) { r.Sampling.FrequencyPenalty += 0.125 }),
		"Sampling.PresencePenalty":  set(inBytes, func(r *base.Request) { r.Sampling.PresencePenalty += 0.125 }),
		"Sampling.LogitBias[].Token": set(inBytes, func(r *base.Request) {
			r.Sampling.LogitBias[0].Token++
		}),
		"Sampling.LogitBias[].Bias": set(inBytes, func(r *base.Request) { r.Sampling.LogitBias[0].Bias++ }),
		"Sampling.Seed":             set(inBytes, func(r *base.Request) { *r.Sampling.Seed++ }),
		"Sampling.Grammar":          set(inBytes, func(r *base.Request) { r.Sampling.Grammar += " " }),
		"Passed[].Message":          set(inBytes, func(r *base.Request) { r.Passed[0].Message++ }),
		"Passed[].Name":             set(inBytes, func(r *base.Request) { r.Passed[0].Name += "s" }),
		"Passed[].Value":            set(inBytes, func(r *base.Request) { r.Passed[0].Value += " " }),
	}
	sameNames(t, reflect.TypeFor[base.Request](), table)
	table["last content"] = set(inSubject, func(r *base.Request) { r.Messages[1].Content = "Where is Abuja?" })
	table["last role"] = set(inBytes, func(r *base.Request) { r.Messages[1].Role = "assistant" })
	table["one message more"] = set(inBytes, func(r *base.Request) { r.Messages = append(r.Messages[:1:1], r.Messages...) })
	table["a field more that is passed on"] = set(inBytes, func(r *base.Request) { r.Passed = append(r.Passed, base.Passed{Name: "x", Value: "1"}) })
	table["who asks"] = set(nothing, func(r *base.Request) { r.Passed = append(r.Passed, base.Passed{Name: "user", Value: `"me"`}) })
	table["user of a message"] = set(inBytes, func(r *base.Request) {
		r.Passed = append(r.Passed, base.Passed{Message: 1, Name: "user", Value: `"me"`})
	})
	table["no seed"] = set(inBytes, func(r *base.Request) { r.Sampling.Seed = nil })
	for name, c := range table {
		before, after := drawn(), drawn()
		c.apply(after)
		a, b := canonicalize(t, before), canonicalize(t, after)
		got := nothing
		switch {
		case string(a.Bytes) != string(b.Bytes):
			got = inBytes
		case a.Subject != b.Subject:
			got = inSubject
		}
		if got != c.want {
			t.Errorf("%s: effect %d, want %d\n%x\n%x", name, got, c.want, a.Bytes, b.Bytes)
		}
		if reflect.DeepEqual(before, after) {
			t.Errorf("%s: the change changes nothing", name)
		}
	}
}

func canonicalize(t interface {
	Helper()
	Fatalf(string, ...any)
}, r *base.Request) Canonical {
	t.Helper()
	c, err := Canonicalize(r)
	if err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	return c
}

// info is a loaded model of which every field that counts has a value.
func info() *base.Info {
	return &base.Info{
		Model: base.ModelInfo{
			Path: "/models/a.gguf", SHA256: hexOf('a'), Bytes: 1, Name: "A", Description: "a 1B", Architecture: "llama",
			Parameters: 1, ContextTrain: 1, Embedding: 1, Vocabulary: 1, Tokenizer: hexOf('b'),
		},
		Template: "chatml",
		Adapters: []base.AdapterInfo{{Path: "/a", SHA256: hexOf('c'), Scale: 1}, {Path: "/b", SHA256: hexOf('d'), Scale: 0.5}},
		Rope:     base.Rope{FrequencyBase: 10000, FrequencyScale: 0.5},
		Runtime: base.RuntimeInfo{
			Backend: "llama.cpp", Version: "1", SourceTree: "tree", BuildFlags: "-O3", CPUFeatures: []string{"avx2", "fma"},
			Environment: []string{"A=1"}, KVTypeK: "f16", KVTypeV: "f16", Threads: 2, BatchThreads: 2, Context: 4096, Parallel: 2, KVBytes: 1,
		},
	}
}

func hexOf(digit byte) string { return string(slices.Repeat([]byte{digit}, 64)) }

// reach says which identities a field of base.Info is in.
type reach struct {
	apply        func(i *base.Info)
	model, state bool
}

func TestIdentities_EveryFieldOfInfoIsDecidedUpon(t *testing.T) {
	both := func(f func(i *base.Info)) reach { return reach{f, true, true} }
	state := func(f func(i *base.Info)) reach { return reach{f, false, true} }
	neither := func(f func(i *base.Info)) reach { return reach{f, false, false} }
	table := map[string]reach{
		"Model.Path":             neither(func(i *base.Info) { i.Model.Path = "/b" }),
		"Model.SHA256":           both(func(i *base.Info) { i.Model.SHA256 = hexOf('e') }),
		"Model.Bytes":            neither(func(i *base.Info) { i.Model.Bytes++ }),
		"Model.Name":             neither(func(i *base.Info) { i.Model.Name = "B" }),
		"Model.Description":      neither(func(i *base.Info) { i.Model.Description = "b" }),
		"Model.Architecture":     neither(func(i *base.Info) { i.Model.Architecture = "b" }),
		"Model.Parameters":       neither(func(i *base.Info) { i.Model.Parameters++ }),
		"Model.ContextTrain":     neither(func(i *base.Info) { i.Model.ContextTrain++ }),
		"Model.Embedding":        neither(func(i *base.Info) { i.Model.Embedding++ }),
		"Model.Vocabulary":       neither(func(i *base.Info) { i.Model.Vocabulary++ }),
		"Model.Tokenizer":        state(func(i *base.Info) { i.Model.Tokenizer = hexOf('e') }),
		"Template":               both(func(i *base.Info) { i.Template += " " }),
		"Adapters[].Path":        neither(func(i *base.Info) { i.Adapters[0].Path = "/c" }),
		"Adapters[].SHA256":      both(func(i *base.Info) { i.Adapters[0].SHA256 = hexOf('e') }),
		"Adapters[].Scale":       both(func(i *base.Info) { i.Adapters[0].Scale = 2 }),
		"Rope.FrequencyBase":     both(func(i *base.Info) { i.Rope.FrequencyBase = 0 }),
		"Rope.FrequencyScale":    both(func(i *base.Info) { i.Rope.FrequencyScale = 0 }),
		"Runtime.Backend":        state(func(i *base.Info) { i.Runtime.Backend = "b" }),
		"Runtime.Version":        neither(func(i *base.Info) { i.Runtime.Version = "2" }),
		"Runtime.SourceTree":     state(func(i *base.Info) { i.Runtime.SourceTree += "+dirty" }),
		"Runtime.BuildFlags":     state(func(i *base.Info) { i.Runtime.BuildFlags = "-O2" }),
		"Runtime.CPUFeatures[]":  state(func(i *base.Info) { i.Runtime.CPUFeatures[0] = "avx512f" }),
		"Runtime.Environment[]":  state(func(i *base.Info) { i.Runtime.Environment[0] = "A=2" }),
		"Runtime.KVTypeK":        state(func(i *base.Info) { i.Runtime.KVTypeK = "q8_0" }),
		"Runtime.KVTypeV":        state(func(i *base.Info) { i.Runtime.KVTypeV = "q8_0" }),
		"Runtime.FlashAttention": state(func(i *base.Info) { i.Runtime.FlashAttention = true }),
		"Runtime.Threads":        state(func(i *base.Info) { i.Runtime.Threads++ }),
		"Runtime.BatchThreads":   state(func(i *base.Info) { i.Runtime.BatchThreads++ }),
		"Runtime.Context":        neither(func(i *base.Info) { i.Runtime.Context++ }),
		"Runtime.Parallel":       neither(func(i *base.Info) { i.Runtime.Parallel++ }),
		"Runtime.KVBytes":        neither(func(i *base.Info) { i.Runtime.KVBytes++ }),
		"State.Supported":        neither(func(i *base.Info) { i.State.Supported = !i.State.Supported }),
		"State.Class":            neither(func(i *base.Info) { i.State.Class += "x" }),
		"State.Reason":           neither(func(i *base.Info) { i.State.Reason += "x" }),
		"State.TokenBytes":       neither(func(i *base.Info) { i.State.TokenBytes++ }),
	}
	sameNames(t, reflect.TypeFor[base.Info](), table)
	seen := map[ID]string{ModelID(PartsOf(info())): "model as it was", StateID(info()): "state as it was"}
	for name, c := range table {
		i := info()
		c.apply(i)
		if reflect.DeepEqual(i, info()) {
			t.Errorf("%s: the change changes nothing", name)
		}
		model, state := ModelID(PartsOf(i)), StateID(i)
		if changed := model != ModelID(PartsOf(info())); changed != c.model {
			t.Errorf("%s: model id changed: %t, want %t", name, changed, c.model)
		}
		if changed := state != StateID(info()); changed != c.state {
			t.Errorf("%s: state id changed: %t, want %t", name, changed, c.state)
		}
		if other, ok := seen[state]; ok && c.state {
			t.Errorf("%s has the state id of: %s", name, other)
		}
		seen[state] = name
	}
}
