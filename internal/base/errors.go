package base

import (
	"errors"
	"fmt"
)

// Sentinels that callers branch on with errors.Is. They survive the trip between processes.
var (
	// ErrInvalid marks a request that cannot succeed as it stands: a prompt longer than the
	// context, a grammar that does not parse. Sending it again gives the same answer.
	ErrInvalid = errors.New("invalid request")
	// ErrTooLong is the ErrInvalid of a prompt that does not fit into the context.
	ErrTooLong = fmt.Errorf("%w: prompt too long", ErrInvalid)
	// ErrOverloaded marks a request turned away because the queue was full. Later may work.
	ErrOverloaded = errors.New("overloaded")
	// ErrUnavailable marks a request lost because the host stopped or could not be started.
	ErrUnavailable = errors.New("host unavailable")
	// ErrModel marks a model that this host cannot load: not a GGUF, too big, another CPU.
	ErrModel = errors.New("model cannot be loaded")
	// ErrUnsupported marks an operation the loaded model cannot do, such as embeddings.
	ErrUnsupported = errors.New("not supported by this model")
)

// Error is an error that carries its sentinel, a sentence for a person, and what to do about it.
// It unwraps to its sentinel.
type Error struct {
	Sentinel error  // one of the sentinels of this package
	Message  string // what went wrong, subject first, no full stop
	Hint     string // the command or setting that mends it; may be empty
}

// Error returns the message. The hint is for the command line to print on a line of its own.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the sentinel.
func (e *Error) Unwrap() error { return e.Sentinel }

// Final marks errors that whoever asks the same at the same time would get too, so that nobody begins anew.
type Final interface {
	error
	Final()
}

// IsFinal reports whether err is of that kind, as every ErrInvalid is.
func IsFinal(err error) bool {
	var final Final
	return errors.Is(err, ErrInvalid) || errors.As(err, &final)
}

// Hint returns the hint of the first *Error in err's tree, or the empty string.
func Hint(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}
