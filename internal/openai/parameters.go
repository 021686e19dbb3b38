package openai

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Parameters are what chat and text completions have in common.
type Parameters struct {
	Model        string
	N            int // choices; 1 or more
	MaxTokens    int // 0 means that the request says nothing
	Stop         []string
	Stream       bool
	IncludeUsage bool // of a stream

	Temperature      *float64 // nil means that the request says nothing
	TopP             *float64
	MinP             *float64 // not OpenAI's
	TopK             int      // not OpenAI's
	FrequencyPenalty float64
	PresencePenalty  float64
	RepeatPenalty    float64 // not OpenAI's
	LogitBias        []LogitBias
	Seed             *int64
	Grammar          string // not OpenAI's; empty means none

	Kvasir Kvasir
}

// LogitBias is one entry of logit_bias.
type LogitBias struct {
	Token int32
	Bias  float64
}

// Kvasir is the object by which a request says what the cache may do. It is kvasir's own.
type Kvasir struct {
	Details   bool // the answer says in its body what the cache did
	Strategy  string
	Topic     string
	TTL       string
	Threshold *float64
	Cache     string // as Cache-Control has it
}

// Limits of a request.
const (
	MaxChoices   = 32
	maxTokens    = 1 << 30
	maxStops     = 64
	maxStopBytes = 1024 // of one
)

func (p *Parameters) decode(o *object) {
	p.N = 1
	o.text("model", &p.Model)
	if n := o.whole("n", 1, MaxChoices); n != nil {
		p.N = int(*n)
	}
	p.decodeLength(o)
	p.decodeStop(o)
	p.decodeStream(o)
	p.decodeSampling(o)
	p.decodeKvasir(o)
}

func (p *Parameters) decodeLength(o *object) {
	for _, name := range []string{"max_tokens", "max_completion_tokens"} { // the later one counts
		if n := o.whole(name, 1, maxTokens); n != nil {
			p.MaxTokens = int(*n)
		}
	}
}

// decodeStop takes a text or a list of texts.
func (p *Parameters) decodeStop(o *object) {
	raw, ok := o.get("stop")
	if !ok {
		return
	}
	if kindOf(raw) == kindString {
		p.Stop = make([]string, 1)
		o.text("stop", &p.Stop[0])
	} else {
		p.Stop, _ = o.texts("stop")
	}
	if len(p.Stop) > maxStops {
		o.fail(Invalid("stop", "found %d strings, want at most %d", len(p.Stop), maxStops))
	}
	for _, s := range p.Stop {
		if s == "" || len(s) > maxStopBytes {
			o.fail(Invalid("stop", "found a string of %d bytes, want 1 to %d", len(s), maxStopBytes))
		}
	}
}

// texts takes a list of texts.
func (o *object) texts(name string) ([]string, bool) {
	list, ok := o.list(name)
	texts := make([]string, len(list))
	for i, raw := range list {
		if kindOf(raw) != kindString {
			o.fail(wrongKind(fmt.Sprintf("%s[%d]", o.at(name), i), kindString, raw))
			return nil, false
		}
		_ = json.Unmarshal(raw, &texts[i])
	}
	return texts, ok
}

func (p *Parameters) decodeStream(o *object) {
	o.boolean("stream", &p.Stream)
	if options, ok := o.object("stream_options"); ok {
		options.boolean("include_usage", &p.IncludeUsage)
		var padded bool
		if options.boolean("include_obfuscation", &padded); padded {
			o.fail(Unsupported(options.at("include_obfuscation"), "chunks are not padded"))
		}
		if !p.Stream {
			o.fail(Invalid("stream_options", "found without stream, want it only beside stream: true"))
		}
	}
}

func (p *Parameters) decodeSampling(o *object) {
	p.Temperature = o.number("temperature", 0, 2)
	p.TopP = o.number("top_p", 0, 1)
	p.MinP = o.number("min_p", 0, 1)
	if k := o.whole("top_k", -1, maxTokens); k != nil {
		p.TopK = int(max(*k, 0)) // -1 is none to some
	}
	if x := o.number("frequency_penalty", -2, 2); x != nil {
		p.FrequencyPenalty = *x
	}
	if x := o.number("presence_penalty", -2, 2); x != nil {
		p.PresencePenalty = *x
	}
	if x := o.number("repeat_penalty", 0.01, 100); x != nil {
		p.RepeatPenalty = *x
	}
	p.Seed = o.whole("seed", -1<<63, 1<<63-1)
	o.text("grammar", &p.Grammar)
	p.decodeBias(o)
}

// decodeBias takes an object of biases by token.
func (p *Parameters) decodeBias(o *object) {
	biases, ok := o.object("logit_bias")
	if !ok {
		return
	}
	for name := range biases.fields {
		token, err := strconv.ParseInt(name, 10, 32)
		if err != nil || token < 0 {
			o.fail(Invalid("logit_bias", "found the key %q, want the number of a token", shorten([]byte(name))))
			return
		}
		if x := biases.number(name, -100, 100); x != nil {
			p.LogitBias = append(p.LogitBias, LogitBias{Token: int32(token), Bias: *x})
		}
	}
	slices.SortFunc(p.LogitBias, func(a, b LogitBias) int { return int(a.Token) - int(b.Token) })
}

func (p *Parameters) decodeKvasir(o *object) {
	k, ok := o.object("kvasir")
	if !ok {
		return
	}
	k.boolean("details", &p.Kvasir.Details)
	k.text("strategy", &p.Kvasir.Strategy)
	k.text("topic", &p.Kvasir.Topic)
	k.text("ttl", &p.Kvasir.TTL)
	k.text("cache", &p.Kvasir.Cache)
	p.Kvasir.Threshold = k.number("threshold", 0, 1)
}
