// Package base holds the words the other packages share: requests, results, what an inference
// host can do, and the errors they return. It uses only the standard library and knows no storage,
// no process and no network.
package base

import (
	"context"
	"time"
)

// Host runs inference on one loaded model. Its methods may be called from many goroutines at once.
// Cancelling ctx ends a call within one slice of work (128 tokens of prefill, one token of decode).
type Host interface {
	// Info says what is loaded and every part of its identity.
	Info(ctx context.Context) (*Info, error)
	// ApplyTemplate renders messages with the model's chat template, ready for the assistant's turn.
	ApplyTemplate(ctx context.Context, messages []Message) (string, error)
	// Tokenize turns text into tokens. With special set, the names of control tokens in the text
	// become those tokens and the model's beginning-of-text token is added where it wants one;
	// without, the text is plain and nothing is added.
	Tokenize(ctx context.Context, text string, special bool) ([]Token, error)
	// Generate answers r. It calls emit for each piece of the answer, in order, from one goroutine;
	// an error from emit ends the generation and is returned. The result holds the whole answer.
	Generate(ctx context.Context, r *Request, emit func(Chunk) error) (*Result, error)
	// Embed returns one L2-normalised vector for each text. Hosts whose model cannot embed return
	// ErrUnsupported.
	Embed(ctx context.Context, texts []string) (*Embeddings, error)
}

// Chunk is a piece of an answer. Text is valid UTF-8 and never ends inside a character; it may be
// empty while a stop string or a character is still incomplete.
type Chunk struct {
	Text   string
	Tokens []Token
}

// FinishReason says why an answer ended.
type FinishReason string

const (
	// FinishStop: the model ended its turn, or a stop string matched.
	FinishStop FinishReason = "stop"
	// FinishLength: MaxTokens or the context was reached; the answer is cut off.
	FinishLength FinishReason = "length"
)

// Result is a finished answer.
type Result struct {
	Text         string
	PromptTokens []Token // the prompt as the model read it
	Tokens       []Token // the answer, without the end-of-turn token and the stop string's tokens
	FinishReason FinishReason
	StopString   string // the stop string that matched, if one did
	Restored     int    // first tokens of the prompt that were restored from saved state, not read
	Usage        Usage
	Timings      Timings
}

// Usage counts tokens. CompletionTokens counts every token that was decoded, including the ones of
// a matched stop string and the end-of-turn token.
type Usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
}

// Timings says where the time of a generation went. Prefill covers reading the prompt up to the
// first sampled token; Decode covers the rest. Both are wall time and include the turns of other
// requests that ran in between. Restore is what restoring saved state took, before Prefill.
type Timings struct {
	Queue   time.Duration
	Restore time.Duration
	Prefill time.Duration
	Decode  time.Duration
}

// Embeddings are the vectors of the texts of one call, in their order.
type Embeddings struct {
	Vectors [][]float32
	Usage   Usage
}

// Info describes a loaded model and the host that runs it. The fields of Model, Template,
// Adapters and Rope decide what the model answers; the rest decides the bits of its saved state.
type Info struct {
	Model    ModelInfo
	Template string // the chat template in force, empty if there is none
	Adapters []AdapterInfo
	Rope     Rope

	Runtime RuntimeInfo
	State   StateInfo
}

// ModelInfo describes the model file.
type ModelInfo struct {
	Path         string
	SHA256       string // hex, over the whole content of the file, or of all files of a split model in order
	Bytes        int64
	Name         string // general.name
	Description  string // architecture, size and weight type, as llama.cpp prints them
	Architecture string
	Parameters   int64
	ContextTrain int    // tokens
	Embedding    int    // width of an embedding vector
	Vocabulary   int    // number of tokens
	Tokenizer    string // hex SHA-256 over the vocabulary: kind, pieces, scores, attributes, special tokens
}

// AdapterInfo describes a LoRA adapter applied to the model.
type AdapterInfo struct {
	Path   string
	SHA256 string // hex
	Scale  float32
}

// Rope holds overrides of the rotary position embedding; 0 means the model's own.
type Rope struct {
	FrequencyBase  float32
	FrequencyScale float32
}

// RuntimeInfo describes the host: what was built, and how the context was opened.
type RuntimeInfo struct {
	Backend        string   // "llama.cpp"
	Version        string   // as the library reports it
	SourceTree     string   // git tree hash of the source it was built from
	BuildFlags     string   // compiler and CMake flags that reach the kernels
	CPUFeatures    []string // instruction sets the kernels use, sorted
	Environment    []string // NAME=value of environment switches that change values, sorted
	KVTypeK        string
	KVTypeV        string
	FlashAttention bool
	Threads        int // for decode
	BatchThreads   int // for prefill
	Context        int // tokens per request
	Parallel       int // requests at once
	KVBytes        int64
}

// LoadOptions says which model to load and how. The zero value of a field means its default.
type LoadOptions struct {
	Model          string // path of a GGUF file, or of the first file of a split model
	Context        int    // tokens per request; 0 means 4096, or the model's own limit if that is lower
	Parallel       int    // requests at once; 0 means 2
	Threads        int    // 0 means the number of processors this process may use
	FlashAttention bool
	KVType         string        // "f16" (default), "f32", "q8_0", "q4_0"; a quantised type needs FlashAttention
	Template       string        // overrides the model's chat template: a built-in name or Jinja text it is recognised by
	Adapters       []AdapterInfo // Path and Scale; Scale 0 means 1
	Rope           Rope
	Queue          int  // requests that may wait for a free slot; 0 means 64
	IgnoreMemory   bool // load even when the model and its KV do not seem to fit
}
