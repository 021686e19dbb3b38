package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// requestFlags are the flags that shape an answer.
type requestFlags struct {
	base.Request
	seed    int64
	grammar string
	bias    []string
}

func (f *requestFlags) add(flags *pflag.FlagSet) {
	s := &f.Sampling
	flags.IntVar(&f.MaxTokens, "max-tokens", 0, "most `tokens` of the answer (default what the context leaves)")
	flags.StringArrayVar(&f.Stop, "stop", nil, "`text` that ends the answer; may be given several times")
	flags.Float32Var(&s.Temperature, "temperature", 0, "0, the default, takes the likeliest token every time; higher draws more freely")
	flags.Int64Var(&f.seed, "seed", -1, "seed of the draws of --temperature, 0 to 4294967295 (default a new one each time)")
	flags.Lookup("seed").DefValue = "0" // -1 is no value to show
	flags.IntVar(&s.TopK, "top-k", 0, "with --temperature, draw from the `k` likeliest tokens (0 is all)")
	flags.Float32Var(&s.TopP, "top-p", 0, "with --temperature, draw from the likeliest tokens that together reach `p` (0 is all)")
	flags.Float32Var(&s.MinP, "min-p", 0, "with --temperature, leave out tokens less likely than `p` times the likeliest (0 is none)")
	flags.Float32Var(&s.RepeatPenalty, "repeat-penalty", 0, "make recent tokens less likely (0 or 1 is off)")
	flags.IntVar(&s.RepeatLastN, "repeat-last-n", 0, "how many recent `tokens` the penalties look at (default 64)")
	flags.Float32Var(&s.FrequencyPenalty, "frequency-penalty", 0, "make tokens less likely with each use")
	flags.Float32Var(&s.PresencePenalty, "presence-penalty", 0, "make used tokens less likely")
	flags.StringArrayVar(&f.bias, "logit-bias", nil, "`TOKEN=BIAS` added to a token's logit, -inf forbids it; may be given several times")
	flags.StringVar(&f.grammar, "grammar", "", "`file` with a GBNF grammar the answer must follow")
}

// build returns the request without its prompt.
func (f *requestFlags) build() (*base.Request, error) {
	r := f.Request
	if f.seed < -1 || f.seed > 1<<32-1 {
		return nil, usagef("--seed is %d; it must be between 0 and 4294967295, or -1 for a new one each time", f.seed)
	}
	if f.seed >= 0 {
		seed := uint32(f.seed)
		r.Sampling.Seed = &seed
	}
	for _, text := range f.bias {
		bias, err := parseBias(text)
		if err != nil {
			return nil, err
		}
		r.Sampling.LogitBias = append(r.Sampling.LogitBias, bias)
	}
	if f.grammar != "" {
		text, err := os.ReadFile(f.grammar)
		if err != nil {
			return nil, fmt.Errorf("grammar: %w", err)
		}
		r.Sampling.Grammar = string(text)
	}
	probe := r
	probe.Prompt = "x" // the real one comes later
	if err := probe.Validate(); err != nil {
		return nil, usageError{err}
	}
	return &r, nil
}

func parseBias(text string) (base.LogitBias, error) {
	token, bias, ok := strings.Cut(text, "=")
	id, errToken := strconv.ParseInt(token, 10, 32)
	value, errBias := strconv.ParseFloat(bias, 32)
	if !ok || errToken != nil || errBias != nil {
		return base.LogitBias{}, usagef("--logit-bias %q is not TOKEN=BIAS, such as 15=-inf", text)
	}
	return base.LogitBias{Token: base.Token(id), Bias: float32(value)}, nil
}

// addLoadFlags adds the flags that say how a model is loaded.
func addLoadFlags(flags *pflag.FlagSet, o *base.LoadOptions) {
	flags.IntVar(&o.Context, "context", 0, "`tokens` of prompt and answer together (default 4096, or the model's own limit if lower)")
	flags.IntVar(&o.Threads, "threads", 0, "threads of the model (default one for each processor)")
	flags.StringVar(&o.KVType, "kv-type", "", "`type` of the KV memory: f16, f32, bf16, q8_0, q4_0, ... (default f16)")
	flags.BoolVar(&o.FlashAttention, "flash-attention", false, "use flash attention; quantised KV types need it")
	flags.StringVar(&o.Template, "template", "", "chat template, a `name` llama.cpp knows (default the model's own)")
	flags.Var(&listFlag{kind: "FILE[=SCALE]"}, "lora", "LoRA adapter `FILE[=SCALE]`; may be given several times")
	flags.Float32Var(&o.Rope.FrequencyBase, "rope-freq-base", 0, "RoPE base frequency (default the model's own)")
	flags.Float32Var(&o.Rope.FrequencyScale, "rope-freq-scale", 0, "RoPE frequency scale (default the model's own)")
	flags.BoolVar(&o.IgnoreMemory, "ignore-memory", false, "load even if the model does not seem to fit into memory")
}

// listFlag collects the values of a flag that may be given several times, each as it is.
type listFlag struct {
	kind   string // what help calls a value
	values []string
}

func (f *listFlag) String() string           { return "" }
func (f *listFlag) Type() string             { return f.kind }
func (f *listFlag) Set(text string) error    { f.values = append(f.values, text); return nil }
func (f *listFlag) Append(text string) error { return f.Set(text) }
func (f *listFlag) GetSlice() []string       { return f.values }
func (f *listFlag) Replace(v []string) error { f.values = v; return nil }
