package engine

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// Answers says what becomes of the state of an answer's tokens.
type Answers string

const (
	// AnswersRecompute reads them again as a prompt when the host has nothing else to do, and saves that.
	AnswersRecompute Answers = "recompute"
	// AnswersDecoded saves their state as decoding left it, which differs from that of a prompt in the last bits.
	AnswersDecoded Answers = "decoded"
	// AnswersOff does not save them.
	AnswersOff Answers = "off"
)

// StateOptions say how saved model state is kept. The zero value of a field means its default.
type StateOptions struct {
	// Off saves nothing and restores nothing.
	Off bool
	// Dir is the folder of the chunk files, made if missing. Empty means kv in the folder of the store; a store
	// in memory then keeps no state.
	Dir string
	// MaxBytes bounds the chunk files; 0 means 20 GiB. Past it the least valuable go.
	MaxBytes int64
	// MinPrefill is what reading a prompt must take for its state to be saved at once; 0 means 500 ms. That of
	// cheaper prompts is saved when they come a second time. Negative means always at once.
	MinPrefill time.Duration
	// Answers defaults to AnswersRecompute.
	Answers Answers
	// Close lets flash attention resume anywhere. What follows then differs in the last bits from what would
	// have come without saved state.
	Close bool
}

const (
	defaultStateBytes = 20 << 30
	defaultMinPrefill = 500 * time.Millisecond
)

func (o StateOptions) withDefaults() (StateOptions, error) {
	var problems []error
	if o.MaxBytes < 0 {
		problems = append(problems, errors.New("max bytes of saved state must not be negative"))
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultStateBytes
	}
	switch {
	case o.MinPrefill == 0:
		o.MinPrefill = defaultMinPrefill
	case o.MinPrefill < 0:
		o.MinPrefill = 0
	}
	switch o.Answers {
	case "":
		o.Answers = AnswersRecompute
	case AnswersRecompute, AnswersDecoded, AnswersOff:
	default:
		problems = append(problems, fmt.Errorf("answers of saved state is %q; it must be recompute, decoded or off", o.Answers))
	}
	return o, errors.Join(problems...)
}

// stateDir returns the folder of the chunk files, absolute since other processes write there too, or nothing
// if there is to be none.
func (o *Options) stateDir() (string, error) {
	dir := o.State.Dir
	switch {
	case o.State.Off, dir == "" && (o.Dir == "" || o.disk != nil):
		return "", nil
	case dir == "":
		dir = filepath.Join(o.Dir, "kv")
	}
	return filepath.Abs(dir)
}
