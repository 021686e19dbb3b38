package base

import (
	"context"
	"time"
)

// ChunkTokens is how many tokens a full chunk of saved state covers. Chunks begin at its multiples.
const ChunkTokens = 64

// StateHost is a Host that can save the state of what it has read and go on from it later. A host
// that cannot, at all or for the model it has loaded, says so in Info.State.
type StateHost interface {
	Host
	// GenerateState is Generate for a request that holds its prompt in Tokens, with saved state.
	// Trouble with state is never its error: what cannot be restored is computed, and reported. It
	// calls plan.Done exactly once, from any goroutine, error or not, possibly after it has returned:
	// files are written while the answer is decoded, and after it. What the caller wants to know at
	// once is in the result: Restored, and the time of it in Timings.
	GenerateState(ctx context.Context, r *Request, plan *StatePlan, emit func(Chunk) error) (*Result, error)
	// Prefill reads tokens and saves their state, and samples nothing. It gives way to every
	// Generate: it works while nobody else does, and ends with ErrOverloaded where a request needs
	// its slot. It does not call plan.Done.
	Prefill(ctx context.Context, tokens []Token, plan *StatePlan) (*StateReport, error)
}

// StateInfo says whether the state of the loaded model can be saved.
type StateInfo struct {
	Supported  bool
	Class      string // "attention", "sliding window", "recurrent", "hybrid", "m-rope", "none"
	Reason     string // why it cannot, as a sentence for a person; empty if Supported
	TokenBytes int64  // bytes of state for each token, without headers
}

// StatePlan says what of the state of a prompt to restore and what to save.
type StatePlan struct {
	Dir    string   // where chunk files are: Dir/<first two hex digits of the key>/<key in hex>.kv
	Secret [32]byte // authenticates chunk files; one that it did not sign is refused
	ID     [32]byte // identity of the state, which every chunk file carries
	Sealed bool     // chunk files are encrypted with keys made of Secret; then it is this tenant's, and opens no other's
	Seed   [32]byte // what keys of chunks begin with (blob.NextKey); it separates tenants

	// Restore holds the lengths of the chunks from the beginning of the prompt that are stored: each
	// ChunkTokens but the last, which may be shorter. Together they leave two tokens or more.
	Restore []int
	// Save has the host write chunk files, under temporary names, for what follows the full chunks of
	// Restore, or of those of them that could be restored, if that is more than was restored.
	Save bool
	// MinPrefill is what reading the rest of the prompt must have taken for anything to be saved.
	MinPrefill time.Duration
	// Near lets the prompt resume, with flash attention, where its numbers come out near those of a cold
	// one and not the same: at multiples of 4 tokens, with two or more left.
	Near bool
	// SaveAnswer has it save the answer's tokens too, as decoding left them.
	SaveAnswer bool

	Done func(*StateReport) `json:"-"` // see StateHost
}

// Origin says how the state of a chunk was computed. The bits differ in the last places.
type Origin string

const (
	OriginPrefill Origin = "prefill" // read in canonical slices, as every cold prompt is
	OriginDecode  Origin = "decode"  // otherwise: token by token, behind state that was, or from where numbers are only near
)

// StateReport says what a host did with a StatePlan.
type StateReport struct {
	Restored int           // tokens whose state was restored
	Computed int           // tokens of the prompt that were read by the model
	Restore  time.Duration // what reading, checking and restoring took
	Prefill  time.Duration // what reading the rest took
	Origin   Origin        // of what was restored: OriginDecode if one chunk was
	Bad      []BadChunk    // chunks whose files could not be used; those behind one were not restored either, and are not listed
	Saved    []SavedChunk  // in order, each whole and synced; the caller renames or removes every file
	Trouble  string        // why something that should have been saved was not; empty if nothing went wrong
}

// BadChunk is a chunk of a plan that could not be used.
type BadChunk struct {
	Key    [32]byte
	Reason string // a sentence for a person
}

// SavedChunk is a new chunk file.
type SavedChunk struct {
	Key    [32]byte
	Parent [32]byte // the key of the chunk before; the plan's Seed for the first
	From   int      // position of its first token
	Tokens []Token
	Origin Origin
	Temp   string        // path of the file, in the plan's Dir
	Bytes  int64         // of the file
	Cost   time.Duration // its share of what reading the prompt took
}
