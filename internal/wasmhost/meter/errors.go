package meter

import (
	"errors"
	"fmt"
)

// Reasons to refuse a module. Every *Error unwraps to one of them.
var (
	// ErrMalformed marks bytes that are no valid module.
	ErrMalformed = errors.New("malformed module")
	// ErrUnsupported marks a module that needs a feature the host does not offer.
	ErrUnsupported = errors.New("unsupported module")
	// ErrLimit marks a module larger than Limits allow.
	ErrLimit = errors.New("module over a limit")
)

// Error says why a module was refused, and where.
type Error struct {
	Reason  error  // ErrMalformed, ErrUnsupported or ErrLimit
	Section string // such as "code"; empty for the module as a whole
	Item    string // such as "function 3", counted with imports as other tools do; may be empty
	Offset  int    // of the byte in the module, from 0
	Message string // what was found, subject first
	Hint    string // what to build instead; may be empty
}

// Error returns one line with the place and what was found there. The hint is left to the caller.
func (e *Error) Error() string {
	if e.Section == "" {
		return e.Message
	}
	if e.Item == "" {
		return fmt.Sprintf("%s section, byte %#x: %s", e.Section, e.Offset, e.Message)
	}
	return fmt.Sprintf("%s section, %s, byte %#x: %s", e.Section, e.Item, e.Offset, e.Message)
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Reason }

// Hints: what to build instead.
const (
	hintCore       = "build a core module for wasm32-wasip1 or wasm32-unknown-unknown"
	hintExceptions = "build without exceptions and setjmp (-fno-exceptions, panic=abort)"
	hintTailCalls  = "build without tail calls (-mno-tail-call)"
	hintThreads    = "build without threads and atomics (no -pthread)"
	hintGC         = "build for linear memory; languages that need garbage-collected types cannot be loaded"
	hintRefs       = "build without typed function references"
	hintMemory64   = "build for wasm32"
	hintExtConst   = "build without extended constant expressions (-mno-extended-const)"
	hintRelaxed    = "build without relaxed SIMD (-mno-relaxed-simd)"
	hintOwnMemory  = "let the module define and export its own memory (no --import-memory)"
	hintStart      = "move the code of the start function to the export _initialize"
	hintAgain      = "build or copy the file again"
)
