package hostapi

import "unicode/utf8"

// Event is what a hook is asked about. Hook says which of the last fields are there.
type Event struct {
	Hook     Role    `json:"hook"`
	Tenant   string  `json:"tenant"`
	Model    string  `json:"model"`    // model id in hex
	Strategy string  `json:"strategy"` // that the lookup uses
	Topic    string  `json:"topic,omitempty"`
	Request  Request `json:"request"`

	Entry  *Entry  `json:"entry,omitempty"`  // on_hit, on_evict: the stored answer
	Miss   *Miss   `json:"miss,omitempty"`   // on_miss
	Result *Result `json:"result,omitempty"` // on_store: what the model said
	Cause  string  `json:"cause,omitempty"`  // on_evict: why it is to go
}

// Request is what a client asked. on_evict has the one of the entry.
type Request struct {
	Prompt      string  `json:"prompt"`           // the last user text
	PromptBytes int     `json:"prompt_bytes"`     // its size, also where it was cut
	System      string  `json:"system,omitempty"` // the first system message
	Messages    int     `json:"messages"`         // how many
	MaxTokens   int     `json:"max_tokens,omitempty"`
	Temperature float64 `json:"temperature,omitempty"`
}

// Entry is a stored answer.
type Entry struct {
	ID     string   `json:"id"`
	Kind   string   `json:"kind,omitempty"`  // on_hit: exact, normalized or approx
	Score  float64  `json:"score,omitempty"` // on_hit
	Prompt string   `json:"prompt"`
	Answer string   `json:"answer"`
	Topic  string   `json:"topic,omitempty"`
	Tags   []string `json:"tags,omitempty"`
	AgeMS  int64    `json:"age_ms"`
	TTLMS  int64    `json:"ttl_ms,omitempty"` // what is left; absent where it does not expire
	Uses   uint64   `json:"uses"`
	IdleMS int64    `json:"idle_ms"` // since the last use, or since it was stored
	CostMS float64  `json:"cost_ms"` // what the inference had cost
	Bytes  int      `json:"bytes"`   // of the stored record
}

// Miss says why a request is not answered from the store.
type Miss struct {
	Reason string `json:"reason"` // a sentence for a person
}

// Result is an answer that is to be stored.
type Result struct {
	Answer           string  `json:"answer"`
	FinishReason     string  `json:"finish_reason"`
	PromptTokens     int     `json:"prompt_tokens"`
	CompletionTokens int     `json:"completion_tokens"`
	CostMS           float64 `json:"cost_ms"`
}

// Cut returns text, or as much of its beginning as an event may hold.
func Cut(text string) string {
	if len(text) <= MaxEventText {
		return text
	}
	end := MaxEventText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
