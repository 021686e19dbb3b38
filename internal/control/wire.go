package control

import (
	"errors"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// socketName is the socket's name in the folder of the store.
const socketName = "control.sock"

// version is that of the operations below. It rises when an older program would misunderstand.
const version = "2"

// Operations.
const (
	opHello    = "hello"
	opLookup   = "lookup"
	opRemember = "remember"
	opStats    = "stats"
	opList     = "list"
	opGet      = "get"
	opRemove   = "remove"
	opWhy      = "why"
	opPin      = "pin"
	opForget   = "forget"
	opCompact  = "compact"
	opHistory  = "history"
	opResume   = "resume"
	opSettle   = "settle"
)

type none struct{}

// hello is what an owner says of itself.
type hello struct {
	PID      int
	Settings map[string]string // of the cache, by their names in cache.toml
	Sealed   bool              // the store is
}

type rememberArgs struct {
	Query  *engine.Query
	Result *engine.Result
}

// rememberResult says whether hooks let the model's state be saved. Older owners say nothing, and let it.
type rememberResult struct {
	Stateless bool `json:",omitempty"`
}

type settleArgs struct {
	Lease  uint64
	Report *base.StateReport
	Save   bool
}

type pinArgs struct {
	ID     string
	Pinned bool
}

type forgetArgs struct {
	Filter engine.Filter
	From   string
	Dry    bool
}

type listArgs struct {
	From  string
	Limit int
}

type listResult struct {
	Entries []engine.Entry
	Next    string
}

// reply is the answer to any operation.
type reply[T any] struct {
	Result T          `json:"result"`
	Error  *wireError `json:"error,omitempty"`
}

// wireError is an error on its way between processes. It keeps what callers branch on.
type wireError struct {
	Sentinel string `json:"sentinel,omitempty"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
}

var sentinels = map[string]error{
	"invalid":   base.ErrInvalid,
	"not_found": engine.ErrNotFound,
	"closed":    engine.ErrClosed,
	"full":      engine.ErrFull,
	"read_only": engine.ErrReadOnly,
	"corrupt":   engine.ErrCorrupt,
}

func toWire(err error) *wireError {
	if err == nil {
		return nil
	}
	w := &wireError{Message: err.Error(), Hint: base.Hint(err)}
	for name, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			w.Sentinel = name
		}
	}
	return w
}

func (w *wireError) err() error {
	if w == nil {
		return nil
	}
	sentinel, ok := sentinels[w.Sentinel]
	if !ok {
		sentinel = ErrOwner
	}
	return &base.Error{Sentinel: sentinel, Message: w.Message, Hint: w.Hint}
}

// ErrOwner marks an owner that failed, does not answer, or is another version of the program.
var ErrOwner = errors.New("the process that has the store failed")
