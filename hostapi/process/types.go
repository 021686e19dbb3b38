package process

import (
	"context"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// The words of the contract, for authors outside this module. Their fields are described where they
// are declared, in internal/base.
type (
	// Host runs inference on one loaded model. Its methods are called from many goroutines at once.
	Host = base.Host
	// StateHost is a Host that can save state and go on from it.
	StateHost = base.StateHost
	// StateChecker is a StateHost that can prove what it promises.
	StateChecker = base.StateChecker
	// StateInfo says whether the state of the loaded model can be saved.
	StateInfo = base.StateInfo
	// StatePlan says what of the state of a prompt to restore and what to save.
	StatePlan = base.StatePlan
	// StateReport says what became of a StatePlan.
	StateReport = base.StateReport
	// StateCheck is what a StateChecker found.
	StateCheck = base.StateCheck
	// LoadOptions says which model to load and how.
	LoadOptions = base.LoadOptions
	// Info describes a loaded model and the host that runs it.
	Info = base.Info
	// ModelInfo describes the model file.
	ModelInfo = base.ModelInfo
	// AdapterInfo describes a LoRA adapter.
	AdapterInfo = base.AdapterInfo
	// Rope overrides the rotary position embedding.
	Rope = base.Rope
	// RuntimeInfo describes how the host was built and the context opened.
	RuntimeInfo = base.RuntimeInfo
	// Token is an id of the model's vocabulary.
	Token = base.Token
	// Message is one turn of a conversation.
	Message = base.Message
	// Request is a prompt and the parameters that shape its answer.
	Request = base.Request
	// Sampling says how the next token is chosen.
	Sampling = base.Sampling
	// LogitBias is added to one token's logit.
	LogitBias = base.LogitBias
	// Chunk is a piece of an answer.
	Chunk = base.Chunk
	// Result is a finished answer.
	Result = base.Result
	// FinishReason says why an answer ended.
	FinishReason = base.FinishReason
	// Usage counts tokens.
	Usage = base.Usage
	// Timings says where the time of a generation went.
	Timings = base.Timings
	// Embeddings are the vectors of the texts of one call.
	Embeddings = base.Embeddings
	// Error carries its sentinel, a sentence for a person, and a hint. All three reach the client.
	Error = base.Error
)

// Reasons an answer ended, and roles of a message.
const (
	FinishStop   = base.FinishStop
	FinishLength = base.FinishLength

	RoleSystem    = base.RoleSystem
	RoleUser      = base.RoleUser
	RoleAssistant = base.RoleAssistant
)

// Sentinels that survive the trip to the client. A host wraps them or returns an Error.
var (
	ErrInvalid     = base.ErrInvalid
	ErrTooLong     = base.ErrTooLong
	ErrOverloaded  = base.ErrOverloaded
	ErrUnavailable = base.ErrUnavailable
	ErrModel       = base.ErrModel
	ErrUnsupported = base.ErrUnsupported
)

// Started tells the client that the request of ctx has left the queue and taken a slot. A host with
// a queue calls it with the context of its Generate; for one without, Serve reports it before the
// first chunk. It does not block.
func Started(ctx context.Context) { base.Started(ctx) }
